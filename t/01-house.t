# The house rules: what src/chatterbox.h, the floors and the lists promise, held against the files themselves.
use v5.36;
use Test::More;
use File::Basename qw(basename dirname);
use File::Find qw(find);
use File::Spec;

chdir File::Spec->rel2abs(dirname(__FILE__) . '/..') or die $!;

sub files ($under, $like) {
    my @found;
    find({no_chdir => 1, wanted => sub { push @found, $_ if -f && /$like/ }}, $under) if -d $under;
    return sort @found;
}

# what is ours of the page
sub page ($like) { grep { !m{/vendor/} } files('htdocs', $like) }

sub slurp ($path) {
    open my $in, '<', $path or return '';    # what is not there, fails where it is looked for
    local $/;
    return scalar readline($in) // '';
}

# tests that no file has anything to complain of; `$look` gets path and text, and returns complaints
sub is_held ($what, $files, $look) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @complaints = map { my $path = $_; map {"$path: $_"} $look->($path, slurp($path)) } @$files;
    is_deeply \@complaints, [], $what;
}

my @sources = files('src', qr/\.[ch]$/);
ok @sources > 20, 'the sources are found';

# -- floors: a file includes headers of its own folder, or of one below --

my @floors = qw(base wire store chat live http server);
my %floor  = ('chatterbox.h' => 0, map { $floors[$_] => $_ } 0 .. $#floors);

is_held 'nobody includes from a floor above' => \@sources, sub ($path, $text) {
    my ($own) = $path =~ m{^src/([^/]+)/};
    my $floor = defined $own ? $floor{$own} : @floors;    # main.c is above all
    return "in no known folder" unless defined $floor;
    return grep { my ($other) = m{^([^/]+)}; m{/} && ($floor{$other} // 99) > $floor } includes($text);
};

is_held 'own headers are written from src/' => \@sources, sub ($path, $text) {
    return grep { !-f "src/$_" && !-f "deps/$_" } includes($text);
};

sub includes ($text) { $text =~ /^\s*#\s*include\s+"([^"]+)"/mg }

# -- one door for each library --

my %door = (
    qr/^sqlite3\.h$/         => qr{^src/store/},
    qr/^yajl\b/              => qr{^src/wire/json\.c$},
    qr/^jwt\.h$/             => qr{^src/wire/token\.c$},
    qr/^sodium\b/            => qr{^src/wire/(?:keyed|password|token)\.c$},    # the token's id is random bytes
    qr/^yaml\.h$/            => qr{^src/server/yaml\.c$},
    qr/^wslay\b/             => qr{^src/live/},
    qr{^h2o/websocket\.h$}   => qr{^src/(?:live/|http/websocket\.c$)},
    qr/^zlib\.h$/            => qr{^src/wire/deflate\.c$},
    qr/^liburing\.h$/        => qr{^src/live/uring\.c$},
    qr{^openssl/ssl\.h$}     => qr{^src/server/},
    qr/^h2o\b/               => qr{^src/(?:live|http|server)/|^src/main\.c$}
);

is_held 'one door for each library' => \@sources, sub ($path, $text) {
    my @wrong;
    for my $header ($text =~ /^\s*#\s*include\s+<([^>]+)>/mg) {
        push @wrong, map {"<$header> belongs elsewhere"} grep { $header =~ /$_/ && $path !~ /$door{$_}/ } keys %door;
    }
    return @wrong;
};

is_held 'SQL is only in src/store/' => [grep { !m{^src/store/} } @sources], sub ($path, $text) {
    return $text =~ /"\s*((?:SELECT|INSERT INTO|INSERT OR|DELETE FROM|UPDATE \w+ SET|CREATE (?:TABLE|INDEX)|PRAGMA)\b[^"]*)/g;
};

# -- how it is written --

SKIP: {
    skip 'clang-format is not installed', 1 unless grep { -x "$_/clang-format" } split /:/, $ENV{PATH};
    my @ours = (@sources, files('t', qr{^t/(?:unit|fuzz|bench|faults)/.*\.[ch]$}));
    my $said = `clang-format --dry-run --Werror @ours 2>&1`;
    is $?, 0, 'clang-format has nothing to change' or diag substr $said, 0, 3000;
}

is_held 'no function is over 60 lines' => [grep {/\.c$/} @sources], sub ($path, $text) {
    my (@long, $start);
    my @lines = split /\n/, $text;
    for my $i (0 .. $#lines) {
        $start = $i if $lines[$i] =~ /^\{/;
        next unless defined $start && $lines[$i] =~ /^\}/;
        my $length = $i - $start + 1;
        push @long, sprintf 'line %d: %d lines', $start + 1, $length if $length > 60;
        undef $start;
    }
    return @long;
};

is_held 'a file opens by explaining itself' => \@sources, sub ($path, $text) {
    my $name = basename($path);
    return $text =~ m{\A/\* \Q$name\E -- } ? () : 'does not begin with its name and what it is';
};

is_held 'nothing is left for later' => [@sources, page(qr/\.(?:js|css|html)$/), files('t', qr/\.(?:t|pm|c|h)$/)],
    sub ($path, $text) { $text =~ /\b((?:TO)(?:DO)|FIX(?:ME)|X(?:XX))\b/g };

is_held 'innerHTML does not occur in the page' => [page(qr/\.(?:m?js|html)$/)], sub ($path, $text) {
    return $text =~ /((?:inner|outer)HTML|insertAdjacentHTML|document\.write)/g;
};

# -- lists that must be whole --

my $tests    = join "\n", map { slurp($_) } grep { basename($_) ne '01-house.t' } files('t', qr/\.(?:t|pm)$/), files('t/unit', qr/\.c$/);
my @protocol = map { slurp($_) } grep { basename($_) ne '01-house.t' } files('t', qr/\.(?:t|pm)$/);
my $protocol = join "\n", @protocol;

my %untested = (    # codes that no test over the wire can cause, and why
    internal => 'only a mistake of ours makes it'
);

subtest 'every code is documented, and caused by a test' => sub {
    my @codes = slurp('src/base/error.h') =~ /^\s*X\(\w+, "(\w+)"/mg;
    ok @codes >= 20, 'the list is found';
    my $document = slurp('src/PROTOCOL.md');
    for my $code (@codes) {
        like $document, qr/`$code`/, "$code is in src/PROTOCOL.md";
        like $protocol, qr/\b$code\b/, "... and in a test" unless $untested{$code};
        unlike $protocol, qr/\b$code\b/, '... no test causes it, as the list of exceptions says' if $untested{$code};
    }
};

subtest 'every directive is documented, and set by a test' => sub {
    my %directive = map { $_ => 1 } map { slurp($_) =~ /"(chatterbox\.[a-z-]+)"/g } grep {/\.c$/} files('src/server', qr/./), files('src/http', qr/./);
    $directive{"chatterbox.$_"} = 1
        for qw(database synchronous token-secret-file token-secret token-lifetime guests registration allowed-origins compress message-limit rate
        outbound-limit hello-timeout ping-interval api websocket health ready metrics);
    my $document = slurp('conf/README.md');
    my $code     = join '', map { slurp($_) } grep {/\.c$/} @sources;
    for my $name (sort keys %directive) {
        like $code,     qr/"\Q$name\E"/,                "$name is in the code";
        like $document, qr/(?<![\w.-])\Q$name\E(?![\w-])/, '... in conf/README.md';
        like $protocol, qr/'\Q$name\E'/, '... and in a test';
    }
};

subtest 'the top level has no more than it should' => sub {
    opendir my $dir, '.' or die $!;
    my %may = map { $_ => 1 } qw(CMakeLists.txt src conf htdocs t deps README.md LICENSE);
    my %built = map { $_ => 1 } qw(var node_modules);    # what git does not keep
    my @there = grep { !/^\./ && !/^build/ && !$built{$_} } readdir $dir;
    is_deeply [sort grep { !$may{$_} } @there], [], 'nothing else';
    ok -e $_, "$_ is there" for sort keys %may;
};

done_testing;
