# No memory left for one more: new connections are refused, those who are here talk on, and when the crowd has gone others come in.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::HTTP2;
use Chatterbox::Raw;
use Chatterbox::Siege;
use File::Temp;
use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_RCVBUF SO_SNDBUF);
use Time::HiRes qw(time);

use constant MB => 1 << 20;

my $sanitized = Chatterbox::slurp(Chatterbox::binary()) =~ /__(?:a|t)san_init/;

sub metric ($server, $name) { ($server->get('/metrics')->body =~ /^chatterbox_$name (\d+)$/m)[0] }

sub knock ($server) { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port, Timeout => limit(5)) }

# does somebody new get in, and an answer? One connection, nobody waits for it longer than the server needs to refuse it.
sub comes_in ($server) {
    my $socket = knock($server) or return 0;
    local $SIG{PIPE} = 'IGNORE';
    syswrite $socket, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    my $answer = '';
    return IO::Select->new($socket)->can_read(limit(10)) && sysread($socket, $answer, 100) && $answer =~ m{^HTTP/1.1 200};
}

# they talk; how long it took from mouth to ear, in s: nine words of ten were quicker
sub talk ($ada, $bob, $words = 20) {
    my @took;
    for (1 .. $words) {
        my $start = time;
        $ada->ack($ada->say("word $_"));
        $bob->reaches($ada->rev);
        push @took, time - $start;
    }
    return (sort { $a <=> $b } @took)[$words * 0.9];
}

# -- a control group, as the server sees it: files of our own in the place of the kernel's --

# a program that sees `$dir` in the place of /sys/fs/cgroup, and itself in the group /a/b
sub in_group ($dir) {
    my $wrapper = File::Temp->new;
    print $wrapper "#!/bin/sh\nexec unshare -m sh -c 'mount --bind \"\$0\" /sys/fs/cgroup && ",
        "mount --bind \"\$0/cgroup\" /proc/\$\$/cgroup && exec \"\$@\"' '$dir' '", Chatterbox::binary(), "' \"\$@\"\n";
    close $wrapper;
    chmod 0755, "$wrapper";
    return $wrapper;
}

# the server has the file open, and may read it any time: what was there is written over, in one go
sub put ($file, $text) {
    open my $out, -e $file ? '+<' : '>', $file or die "$file: $!";
    syswrite $out, sprintf "%-60s\n", $text;
    close $out or die "$file: $!";
}

sub group ($dir, %files) { put("$dir/memory.$_", $files{$_}) for keys %files }

# a group /a with these limits, and a program that sees itself in it; nothing, where nothing can be mounted
sub alone_in_group (%limits) {
    my $dir = File::Temp->newdir('chatterbox-XXXXXX', TMPDIR => 1);
    mkdir "$dir/a";
    put("$dir/cgroup", "0::/a\n");
    group("$dir/a", %limits, high => 'max', stat => 'anon 1');
    my $wrapper = in_group($dir);
    return system("$wrapper -v >/dev/null 2>&1") == 0 ? ($dir, $wrapper) : ();
}

story 'the limit of a control group, and of the one above it' => sub {
    my $dir = File::Temp->newdir('chatterbox-XXXXXX', TMPDIR => 1);
    mkdir $_ for my ($above, $own) = ("$dir/a", "$dir/a/b");
    put("$dir/cgroup", "3:cpu:/x\n0::/a/b\n");
    group($_, max => 'max', high => 'max', current => 50 * MB, stat => "anon 1\nfile 2") for $above, $own;
    my $wrapper = in_group($dir);
    plan skip_all => 'nothing can be mounted here' if system("$wrapper -v >/dev/null 2>&1") != 0;
    local $ENV{CHATTERBOX_BIN} = "$wrapper";
    my $server = Chatterbox->start;
    my ($ada, $bob) = ($server->account('ada')->join, $server->connect('bob'));
    my @rounds = (
        ['memory.max',  $own,   max => 1000 * MB],
        ['memory.high', $own,   high => 900 * MB],
        ['memory.max',  $above, max => 800 * MB]
    );
    is $server->get('/readyz')->code, 200, 'ready';
    for (@rounds) {
        my ($name, $where, %limit) = @$_;
        my ($max) = values %limit;
        group($where, stat => "anon 1\ninactive_file 0\nactive_file 0");
        group($where, %limit);
        group($where, current => $max - 10 * MB);
        wait_until "short of $name", sub { metric($server, 'memory_short') };
        is_problem $server->get('/readyz'), 503, 'overloaded', "$name: not ready";
        like $server->log, qr/event=memory-short limit=$name bytes=$max left=@{[10 * MB]}$/m, '... and the log says why';
        ok !comes_in($server), '... nobody new comes in';
        is_problem $server->post('/api/login', {username => 'ada', password => 'correct horse battery'}), 503, 'overloaded', '... a password has no room';
        is_problem $server->post('/api/register', {username => 'eve', password => 'correct horse battery'}), 503, 'overloaded', '... nor a new one';
        ok talk($ada, $bob, 10) < limit(0.5) && @{$ada->history}, '... who is here talks on';
        group($where, current => $max - int $max * 0.06);
        talk($ada, $bob, 5);
        is metric($server, 'memory_short'), 1, '... a little more than the reserve is not enough';
        group($where, stat => "anon 1\ninactive_file " . 50 * MB . "\nactive_file " . 60 * MB);
        wait_until 'what is files is not used', sub { comes_in($server) };
        like $server->log, qr/event=memory-enough/, '... and it is over';
        is $server->get('/readyz')->code, 200, '... ready again';
        is $server->post('/api/login', {username => 'ada', password => 'correct horse battery'})->code, 200, '... for passwords, too' if $name eq 'memory.high';
        group($where, max => 'max', high => 'max', current => 50 * MB);
    }
    is scalar(() = $server->log =~ /event=memory-short/g), 3, 'each is in the log once';
    $server->stop;
};

# 100 MB are left, of which 16 are kept, and as much as waits must be left: the group says 100 whatever waits, so that is 84 MB. A page
# of 200 long messages has 6.4, and takes 19 while it is written: so some go at once, but not all.
story 'what waits to be read may be half of what is left' => sub {
    my ($dir, $wrapper) = alone_in_group(max => 400 * MB, current => 300 * MB);
    plan skip_all => 'nothing can be mounted here' if !$wrapper;
    local $ENV{CHATTERBOX_BIN} = "$wrapper";
    my $server = Chatterbox->start;
    my $ada    = $server->connect('ada');
    $ada->ack($_) for map { $ada->say('"' x 16_000, wait => 0) } 1 .. 200;
    group("$dir/a", current => 354 * MB);
    wait_until 'where there is no room to write it, a page is refused', sub { $ada->get('/api/rooms/1/messages?limit=200')->code == 503 };
    group("$dir/a", current => 300 * MB);
    wait_until 'and where there is, it is not', sub { $ada->get('/api/rooms/1/messages?limit=200')->code == 200 };
    group("$dir/a", current => 401 * MB);
    wait_until 'where nothing is left, so is all that is read', sub { $ada->get('/api/me')->code == 503 };
    group("$dir/a", current => 300 * MB);
    wait_until 'but not for long', sub { $ada->get('/api/me')->code == 200 };
    my $room = $ada->post('/api/rooms', {kind => 'public', name => 'elsewhere'})->json->{id};
    $ada->ack($_) for map { $ada->say('"' x 16_000, room => $room, wait => 0) } 1 .. 100;
    cmp_ok metric($server, 'rooms_bytes'), '>', 8 * MB, 'two rooms are kept';
    group("$dir/a", current => 395 * MB);
    wait_until 'when memory is short, one of them must do, though nobody says a word', sub { metric($server, 'rooms_bytes') < 8 * MB };
    group("$dir/a", current => 300 * MB);
    wait_until 'then there is enough again', sub { metric($server, 'memory_short') == 0 };
    my $page = "GET /api/rooms/1/messages?limit=200 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " . $ada->token . "\r\n\r\n";
    my $reader = knock($server);
    setsockopt $reader, SOL_SOCKET, SO_RCVBUF, pack 'i', 100_000;
    syswrite $reader, $page =~ s/\r\n\r\n/\r\nConnection: close\r\n\r\n/r;
    IO::Select->new($reader)->can_read(limit(10)) or die 'no answer';
    my ($has, $ended, $pace, $since) = (0, 0, 800_000, time);    # 800 kB a second, until he may hurry
    my $steady = sub {
        while (!$ended && $has < $pace * (time - $since) && IO::Select->new($reader)->can_read(0)) {
            my $n = sysread $reader, my $piece, 20_000;
            $ended = !$n;
            $has += $n // 0;
        }
    };
    my %got  = (200 => 0, 503 => 0);
    my @in   = map { knock($server) } 1 .. 25;
    for my $socket (@in) {
        setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack 'i', 4096;
        syswrite $socket, $page;
    }
    my $waiters = IO::Select->new(@in);
    while (my @ready = $waiters->can_read(limit(10))) {
        $steady->();
        for my $socket (@ready) {
            $waiters->remove($socket);
            sysread $socket, my $answer, 12;
            ++$got{substr $answer // '', 9, 3};
        }
    }
    my $waiting = metric($server, 'waiting_bytes');
    is $got{200} + $got{503}, 25, 'each is answered';
    cmp_ok $got{200}, '>=', 2, "$got{200} get their page";
    cmp_ok $got{503}, '>=', 5, "$got{503} have to come again";
    cmp_ok $waiting,  '<=', 84 * MB, sprintf '%.0f MB wait', $waiting / MB;
    is $ada->get('/api/rooms/1/messages?limit=10')->code, 200, 'a short page has room';
    wait_until 'who takes nothing is cut', sub { $steady->(); metric($server, 'connections_cut_total') >= $got{200} };
    $pace = 100 * MB;
    wait_until 'who takes his time has all of it in the end', sub { $steady->(); $ended };
    cmp_ok $has, '>', 6_400_000, "... and it is whole: $has bytes";
    wait_until 'there is room again', sub { $ada->get('/api/rooms/1/messages?limit=200')->code == 200 };
    wait_until 'nothing waits', sub { metric($server, 'waiting_bytes') < MB };
    $ada->ack($ada->say('and they talk'));
    $server->stop;
};

# what the kernel takes for a server that does not read
sub stuffed ($server) {
    my $socket = knock($server);
    setsockopt $socket, SOL_SOCKET, SO_SNDBUF, pack 'i', 4096;
    syswrite $socket, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    IO::Select->new($socket)->can_read(limit(10)) or die 'no answer';
    kill STOP => $server->pid;
    $socket->blocking(0);
    my $bytes = 0;
    while (IO::Select->new($socket)->can_write(0.3)) { $bytes += syswrite($socket, 'x' x 4096) // 0 }
    kill CONT => $server->pid;
    return $bytes;
}

story 'under a small limit less comes in at once' => sub {
    my ($dir, $wrapper) = alone_in_group(max => 200 * MB, current => 50 * MB);
    plan skip_all => 'nothing can be mounted here' if !$wrapper;
    my $free = Chatterbox->start;
    local $ENV{CHATTERBOX_BIN} = "$wrapper";
    my $bound = Chatterbox->start;
    my ($much, $little) = map { stuffed($_) } $free, $bound;
    cmp_ok $little, '<', $much - 50_000, "$little bytes, and $much without";
    $_->stop for $free, $bound;
};

# -- a limit of addresses --

sub addresses ($server) { 1024 * (Chatterbox::slurp('/proc/' . $server->pid . '/status') =~ /^VmSize:\s+(\d+)/m)[0] }

sub limit_addresses ($server, $bytes) { system('prlimit', '--pid', $server->pid, "--as=$bytes:") == 0 or die 'prlimit' }

# Each attack opens as many connections as it gets, holds what it is given, and starts again where it was cut.
sub crowd ($server, $greeting) {
    $SIG{PIPE} = 'IGNORE';
    my (@in, $n);
    while (1) {
        my $socket = knock($server) or next;
        $socket->blocking(0);
        syswrite $socket, $greeting;
        push @in, $socket;
        shift @in if @in > 4000;    # more than there is memory for
    }
}

# who was refused, and who was cut, because he is too many
sub turned_away ($server) { map { metric($server, "connections_${_}_total") } qw(refused cut) }

my $body     = "POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" . 'x' x 200_000;
my %attack   = (
    'bodies that do not end' => sub ($server, $bearer) { crowd($server, $body) },
    'heads that do not end'  => sub ($server, $bearer) { crowd($server, "GET / HTTP/1.1\r\nHost: x\r\nA: " . 'x' x 200_000) },
    'a thousand messages at a sign' => sub ($server, $bearer) {
        my $half = Chatterbox::Raw::encode(Chatterbox::Raw::TEXT, 'x' x 50_000, length => 100_000);
        my @in;
        while (@in < 1500) { push @in, eval { Chatterbox::Raw->join($server, $bearer) } // () }
        $_->{socket}->blocking(0) for @in;
        syswrite $_->{socket}, $half for @in;
        select undef, undef, undef, 60;    # until we are ended
    }
);

# over HTTP/2, of which one connection may have a hundred
my $http2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . Chatterbox::HTTP2::frame(Chatterbox::HTTP2::SETTINGS, 0, 0);
for my $id (1, 3, 5) {
    my $head = Chatterbox::HTTP2::block(Chatterbox::HTTP2::pseudo(':method' => 'POST', ':path' => '/api/login'));
    $http2 .= Chatterbox::HTTP2::frame(Chatterbox::HTTP2::HEADERS, Chatterbox::HTTP2::END_HEADERS, $id, $head);
    $http2 .= Chatterbox::HTTP2::frame(Chatterbox::HTTP2::DATA, 0, $id, 'x' x 15_000) for 1 .. 4;
}
$attack{'bodies over HTTP/2 that do not end'} = sub ($server, $bearer) { crowd($server, $http2) };

# who comes in as long as there is room, and then wants all of it at once
$attack{'a thousand bodies at a sign'} = sub ($server, $bearer) {
    $SIG{PIPE} = 'IGNORE';
    while (1) {
        my @in = map { knock($server) // () } 1 .. 1000;
        $_->blocking(0) for @in;
        for my $piece (map { substr $body, $_ * 50_000, 50_000 } 0 .. 4) { syswrite $_, $piece for @in }
    }
};

story 'who is there talks on, under an address limit' => sub {
    plan skip_all => 'a sanitizer needs more addresses than there are' if $sanitized;
    my $limit  = 200 * MB;
    my $server = Chatterbox->start(-child => sub { system 'prlimit', '--pid', $$, "--as=$limit" }, 'http1-upgrade-to-http2' => 'ON');
    my ($ada, $bob) = map { $server->connect($_) } qw(ada bob);
    my $bearer = $server->guest('crowd');
    for my $name (sort grep { $ENV{CHATTERBOX_LONG} || !/^(?:bodies|heads) that/ } keys %attack) {
        my $attacker = attacker(sub { $attack{$name}->($server, $bearer) });
        my @before   = turned_away($server);
        wait_until "$name: it is too much", sub { my @now = turned_away($server); $now[0] > $before[0] || $now[1] > $before[1] + 200 }, 30;
        my $slow = talk($ada, $bob);
        ok $slow < limit(0.5), sprintf '%s: they talk on, nine words of ten took less than %.0f ms', $name, 1000 * $slow;
        ok @{$ada->history}, '... and read';
        my @now = turned_away($server);
        note join ', ', map { $now[$_] - $before[$_] . ' ' . (qw(refused cut))[$_] } 0, 1;
        undef $attacker;
        wait_until 'enough is left again', sub { metric($server, 'memory_short') == 0 };
        ok comes_in($server), '... and when they have gone, others come in';
    }
    is_deeply $_->wrong, [], $_->name . ' saw no promise broken' for $ada, $bob;
    $server->stop;
};

story 'thousands who only come' => sub {
    plan skip_all => 'a sanitizer needs more addresses than there are' if $sanitized;
    my $server = Chatterbox->start(-child => sub { system 'prlimit', '--pid', $$, '--as=' . 200 * MB });
    my ($ada, $bob) = map { $server->connect($_) } qw(ada bob);
    limit_addresses($server, addresses($server) + 48 * MB);
    my $attacker = attacker(sub { crowd($server, 'GET / HTTP/1.1') });
    wait_until 'some are refused', sub { metric($server, 'connections_refused_total') > 100 }, 30;
    my $slow = talk($ada, $bob);
    ok $slow < limit(0.5), sprintf 'they talk on, nine words of ten took less than %.0f ms', 1000 * $slow;
    my $in = metric($server, 'connections');
    cmp_ok $in, '>', 500, "$in are in";
    undef $attacker;
    my ($new, $tries);
    wait_until 'somebody new comes in', sub { $new = eval { $server->connect('new' . ++$tries) } };    # a login may be let in, and its WebSocket not
    $ada->ack($ada->say('welcome'));
    $new->reaches($ada->rev);
    is_deeply $_->wrong, [], $_->name . ' saw no promise broken' for $ada, $bob, $new;
    like $server->log, qr/event=memory-short limit=RLIMIT_AS .*event=memory-enough/s, 'the log says when it began, and when it was over';
    cmp_ok scalar(() = $server->log =~ /event=memory-short/g), '<', 20, '... and not each time that somebody came or went';
    $server->stop;
};

done_testing;
