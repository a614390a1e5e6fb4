# awk -f layers.awk src/LAYERS src/*.c src/*.h
#
# Complains of each #include "..." of a header in a higher layer, and of each
# file that has no layer.

function layer_of(file,    stem, prefix, best, length_of_best)
{
	stem = file
	sub(/.*\//, "", stem)
	sub(/\.[ch]$/, "", stem)
	if (stem in exact)
		return exact[stem]
	best = -1
	length_of_best = 0
	for (prefix in starts)
		if (index(stem, prefix) == 1 && length(prefix) > length_of_best) {
			best = starts[prefix]
			length_of_best = length(prefix)
		}
	return best
}

FILENAME == ARGV[1] {
	if ($1 !~ /^[0-9]+$/)
		next
	for (i = 3; i <= NF; i++)
		if (sub(/\*$/, "", $i))
			starts[$i] = $1
		else
			exact[$i] = $1
	next
}

FNR == 1 {
	here = layer_of(FILENAME)
	if (here < 0) {
		print FILENAME ": not in src/LAYERS"
		wrong = 1
	}
}

/^#include "/ {
	split($0, parts, "\"")
	header = parts[2]
	if (system("test -f src/" header) != 0)
		next				# the server's
	there = layer_of(header)
	if (there > here) {
		print FILENAME ":" FNR ": layer " here " includes " header " of layer " there
		wrong = 1
	}
}

END { exit wrong }
