# SPDX-License-Identifier: MIT
# Hashes and regular expressions: count words and pairs of words, sort by frequency.
my (%count, %pair, $digits);
while (<STDIN>) {
    my @words = split;
    my $last = '';
    for (@words) {
        $count{$_}++;
        $pair{$last . '/' . substr($_, 0, 2)} += length;
        $digits++ if /^\d+[13579]$/;
        $last = substr($_, 0, 1);
    }
}
my @best = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
my $sum = 0;
$sum = ($sum * 31 + $pair{$_}) % 1000003 for sort keys %pair;
print scalar(keys %count), " $digits $sum @best[0..99]\n";
