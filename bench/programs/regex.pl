# SPDX-License-Identifier: MIT
# Regular expressions: split into words, captures, alternatives, substitution: regex.pl LINES
my $lines = shift;
my ($vowels, $long, $swapped, %ends) = (0, 0, 0);
while (<STDIN>) {
    $vowels += () = /[aeiou]{2,}/g;
    $long++ if /\b([a-z])[a-z]{5,}\1\b/;
    $ends{$1}++ while /(ta|et|oi|ne?s)\b/g;
    $swapped += s/(\w+) (\w+)/$2 $1/g;
    last if $. > $lines;
}
print "$vowels $long $swapped ", join(' ', map { "$_=$ends{$_}" } sort keys %ends), "\n";
