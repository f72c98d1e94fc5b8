# The program as it is built for use: what the compiler and the linker can do against those who break into a program in C.
use v5.36;
use Test::More;
use Chatterbox;

my $binary = Chatterbox::binary();
plan skip_all => 'a build for tests' if Chatterbox::slurp($binary) =~ /__(?:a|t)san_init|__gcov_init/;

sub readelf (@options) {
    open my $in, '-|', 'readelf', '--wide', @options, $binary or plan skip_all => 'readelf is missing';
    return do { local $/; readline $in };
}

my ($header, $program, $dynamic, $symbols, $notes) = map { readelf($_) } qw(--file-header --program-headers --dynamic --dyn-syms --notes);

like $header, qr/^\s*Type:\s+DYN/m, 'it lies elsewhere each time (PIE)';
like $program, qr/^\s*GNU_RELRO\b/m, 'its tables are read-only (RELRO)';
like $dynamic, qr/\bBIND_NOW\b|\bFLAGS_1\b.*\bNOW\b/, '... all of them, from the start';
my ($stack) = $program =~ /^\s*GNU_STACK\b(.*)/m;
ok defined $stack && $stack !~ /\bRWE\b|E\s+0x/, 'no code runs on the stack';
unlike $program, qr/^\s*LOAD\b.*\bRWE\b/m, 'no memory is written and run';
unlike $dynamic, qr/\b(?:RPATH|RUNPATH|TEXTREL)\b/, 'libraries come from where the system has them';
like $symbols, qr/\b__stack_chk_fail\b/, 'functions look after their return addresses';
like $symbols, qr/\b__(?:memcpy|snprintf|vsnprintf|sprintf)_chk\b/, 'calls that know the size of their buffer check it (_FORTIFY_SOURCE)';

# level 3 knows sizes that only running tells; the debugging information keeps the options
open my $dwarf, '-|', 'readelf', '--debug-dump=info', $binary or die $!;
my ($producer) = grep {/DW_AT_producer.*GNU C11.*-fstack/} map { readline $dwarf } 1 .. 200;
SKIP: {
    skip 'another compiler', 2 unless $producer && (`uname -m` =~ /x86_64/);
    like $producer, qr/-fstack-clash-protection/, 'the stack does not grow into other memory';
    like $producer, qr/-fcf-protection/,          'indirect jumps land where they may (CET)';
}

done_testing;
