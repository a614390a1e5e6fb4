#!/usr/bin/env perl
# rules.pl FILE ...: the house rules that a machine can see, for C files.
# Complains as file:line, exit status 1 where there is anything to complain of.
use strict;
use warnings;

my $wrong = 0;

sub complain
{
	my ($file, $line, $what) = @_;
	print "$file:$line: $what\n";
	$wrong = 1;
}

sub line_at
{
	my ($text, $offset) = @_;
	return 1 + (substr($text, 0, $offset) =~ tr/\n//);
}

for my $file (@ARGV)
{
	local $/;
	open my $in, '<', $file or die "$file: $!\n";
	my $text = <$in>;
	my $code = $text;

	# Comments and strings hold no code; keep the lines as they are.
	$code =~ s{(/\*.*?\*/)}{$1 =~ s/[^\n]/ /gr}egs;
	$code =~ s{"(?:[^"\\\n]|\\.)*"}{'"' . ' ' x (length($&) - 2) . '"'}ge;

	while ($code =~ /\bereport\s*(\((?:[^()]++|(?1))*\))/g)
	{
		my ($at, $body) = ($-[0], $1);
		complain($file, line_at($code, $at), 'ereport without errcode')
		  unless $body =~ /\berrcode\w*\s*\(/;
	}
	complain($file, line_at($code, $-[0]), '// comment')
	  while $code =~ m{//}g;
	if ($file !~ /compat\.h$/)
	{
		complain($file, line_at($code, $-[0]), 'PG_VERSION_NUM outside compat.h')
		  while $code =~ /\bPG_VERSION_NUM\b/g;
	}
	while ($code =~ /^\{\n(.*?)^\}/gms)
	{
		my $lines = ($1 =~ tr/\n//);
		complain($file, line_at($code, $-[0]), "function of $lines lines")
		  if $lines > 80;
	}
	my $lines = ($text =~ tr/\n//);
	complain($file, $lines, "file of $lines lines") if $lines > 500;
	# Messages stay on one line, so that they can be searched for.
	complain($file, line_at($text, $-[0]), 'line over 100 columns')
	  while $text =~ /^(?!#)[^"\n]{101,}$/gm;
	complain($file, line_at($text, $-[0]), 'space at the end of a line')
	  while $text =~ /[ \t]+$/gm;
}
exit $wrong;
