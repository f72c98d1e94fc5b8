# The program is built so that a mistake in it is hard to use: what the compiler and the linker were asked for, read from
# the binary itself.
use v5.36;
use Test::More;
use Chatterbox;

my $bin = Chatterbox::binary();

sub readelf (@options) {
    open my $from, '-|', 'readelf', '-W', @options, $bin or die "readelf: $!";
    local $/;
    return readline($from) // '';
}

my $symbols = readelf('--dyn-syms');
plan skip_all => 'a build for looking inside' if $symbols =~ /__(?:a|t|ub)san_/ || readelf('-s') =~ /__gcov_/;

my ($segments, $dynamic) = (readelf('-l'), readelf('-d'));
like $dynamic, qr/FLAGS_1.*\bPIE\b/, 'it is at another address each time (PIE)';
like $segments, qr/GNU_RELRO/, 'what the loader wrote is read-only afterwards (RELRO)';
like $dynamic, qr/FLAGS_1.*\bNOW\b/, '... all of it (now)';
like $segments, qr/GNU_STACK\s+(?:0x\S+\s+)+RW\s/, 'the stack is no code';
unlike $segments, qr/\bRWE\b|\bLOAD\b.*\bW\s?E\b/, 'nothing can be both written and run';
like $symbols, qr/\b__stack_chk_fail\b/, 'a stack that was overwritten is noticed';
like $symbols, qr/\b__\w+_chk\b(?<!__stack_chk)/, 'a copy into what is too small is noticed (fortify)';

# how each of our files was compiled, as the compiler wrote it down
my @how = grep {/-fstack-protector-strong|C11|std=c11/} split /\n/, readelf('-p', '.debug_str');
SKIP: {
    my @gcc = grep {/GNU C11/} @how;
    skip 'the compiler does not write its options down', 2 unless @gcc;
    is_deeply [grep { !/-fstack-clash-protection/ } @gcc], [], 'a large frame cannot jump over the guard page';
    skip 'for x86 only', 1 unless qx(uname -m) =~ /x86_64/;
    is_deeply [grep { !/-fcf-protection/ } @gcc], [], 'compiled so that jumps land where jumps may (CET: in effect where the start files of the C library are, too)';
}
done_testing;
