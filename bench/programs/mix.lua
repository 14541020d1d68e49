-- SPDX-License-Identifier: MIT
-- Floats in arrays, tables with string keys, string building, calls through tables: mix.lua TIMES
local function norm(n)
    local v = {}
    for i = 1, n do v[i] = 1 end
    for _ = 1, 4 do
        local w = {}
        for i = 1, n do
            local s = 0
            for j = 1, n do s = s + v[j] / ((i + j - 2) * (i + j - 1) / 2 + i) end
            w[i] = s
        end
        v = w
    end
    local s = 0
    for i = 1, n do s = s + v[i] * v[i] end
    return s ^ 0.5
end

local function words(n)
    local count, order = {}, {}
    for i = 1, n do
        local w = string.char(97 + i % 26, 97 + i * 7 % 26, 97 + i * i % 26)
        if not count[w] then order[#order + 1] = w end
        count[w] = (count[w] or 0) + 1
    end
    table.sort(order, function(a, b) return count[a] > count[b] or count[a] == count[b] and a < b end)
    return #order .. table.concat(order, ",", 1, 20)
end

local shapes = {
    square = function(s) return s.a * s.a end,
    box = function(s) return s.a * s.b end,
}
local function areas(n)
    local list, sum = {}, 0
    for i = 1, 100 do list[i] = {kind = i % 2 == 0 and "square" or "box", a = i, b = i + 1} end
    for i = 1, n do
        local s = list[i % 100 + 1]
        sum = sum + shapes[s.kind](s)
    end
    return sum
end

for _ = 1, tonumber(arg[1]) do
    print(string.format("%.12f", norm(250)), words(60000), string.format("%.0f", areas(300000)))
end
