# Bad networks and bad manners: packets that vanish, readers that stop, crowds that come and go at once, one who shouts, one
# who whispers. Others do not notice; who is dead is found within two ping intervals; who comes back has missed nothing.
use v5.36;

# A network of our own, where packets can be made to vanish, which goes with the process.
BEGIN {
    if (!defined $ENV{CHATTERBOX_NETWORK}) {
        $ENV{CHATTERBOX_NETWORK} = system('unshare -n ip link set lo up 2>/dev/null') == 0 ? 1 : 0;
        exec 'unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', $^X, (map {"-I$_"} @INC), $0
            if $ENV{CHATTERBOX_NETWORK};
    }
}
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use IO::Socket::INET;
use Time::HiRes qw(time);

my $interval = 1;
my $long     = $ENV{CHATTERBOX_LONG};

sub p99 (@ms) { (sort { $a <=> $b } @ms)[@ms * .99] // 0 }

# how long it takes until `$bob` hears what `$ada` says, in ms, `$n` times
sub talk ($ada, $bob, $n = 50) {
    my @took;
    for (1 .. $n) {
        my $start = time;
        $ada->ack($ada->say("word $_"));
        $bob->reaches($ada->rev);
        push @took, 1000 * (time - $start);
    }
    return @took;
}

sub metric ($server, $name) { ($server->get('/metrics')->body =~ /^chatterbox_$name (\d+)$/m)[0] }

# -- half-dead networks --

my $far = '10.99.99.99';    # an address whose packets come and go until its route does
sub net (@words) { system('ip', @words) == 0 or die "ip @words" }

story 'a network that is half dead' => sub {
    plan skip_all => 'no network of our own is allowed here' unless $ENV{CHATTERBOX_NETWORK};
    net qw(addr add), "$far/32", qw(dev lo);
    net qw(rule add pref 100 lookup local);
    net qw(rule del pref 0);    # from now on a rule of ours may come before
    my $server = Chatterbox->start('chatterbox.ping-interval' => $interval);
    my ($ada, $bob, $eve) = map { $server->guest($_) } qw(ada bob eve);
    $_->join for $ada, $bob;
    join_from($eve, $far);
    $ada->ack($ada->say('everybody hears'));
    $_->reaches($ada->rev) for $bob, $eve;
    for my $way (['both ways', [from => $far], [to => $far]], ['to the client', [to => $far]], ['from the client', [from => $far]]) {
        my ($name, @rules) = @$way;
        my $sessions = metric($server, 'sessions');
        net qw(rule add pref 10), @$_, 'blackhole' for @rules;
        my $start = time;
        my @took  = talk($ada, $bob);
        ok p99(@took) < limit(100), sprintf '%s: others do not notice: p99 %.1f ms', $name, p99(@took);
        wait_until 'the dead one is noticed', sub { metric($server, 'sessions') == $sessions - 1 }, 10;
        my $waited = time - $start;
        ok $waited < limit(2 * $interval + 1), sprintf '... who is dead is noticed after %.1f s', $waited;
        net qw(rule del pref 10), @$_, 'blackhole' for @rules;
        my %stand = $eve->stand;
        $eve->drop;
        join_from($eve, $far, hello => \%stand);
        is scalar @{$eve->missed}, scalar @took, '... comes back, and is told all it has missed' if $name ne 'from the client';
        is_deeply $eve->transcript, $server->transcript, '... and believes what is there';
        is_deeply $_->wrong, [], '... no promise was broken to ' . $_->name for $ada, $bob, $eve;
    }
    $server->stop;
};

# as join, from another address of this machine
sub join_from ($who, $address, %o) {
    no warnings 'redefine';
    my $make = \&Chatterbox::user_agent;
    local *Chatterbox::user_agent = sub { $make->()->socket_options({LocalAddr => $address}) };
    return $who->join(%o);
}

my $server = Chatterbox->start('chatterbox.ping-interval' => 5, 'chatterbox.rate' => 100, 'chatterbox.outbound-limit' => 65536);
my ($ada, $bob) = map { $server->connect($_) } qw(ada bob);

story 'a crowd that comes and goes' => sub {
    my $crowd = $long ? 10_000 : $server->sanitized ? 500 : 3000;
    my $pid   = fork // die "fork: $!";
    if (!$pid) {
        for (1 .. $crowd) {
            my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port) or next;
            print $socket "GET /ws HTTP/1.1\r\nHost: x\r\n" . ($_ % 3 ? "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                    . "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " . Chatterbox::Raw->key . "\r\n\r\n" : '') if $_ % 2;
            setsockopt $socket, Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack 'ii', 1, 0 unless $_ % 5;    # a reset
            close $socket;
        }
        POSIX::_exit(0);
    }
    my ($start, $gone, @took) = (time);
    do {
        push @took, talk($ada, $bob, 5);
        my $next = time + 0.05;
        wait_until 'the next words', sub { time > $next };
        $gone = waitpid $pid, POSIX::WNOHANG;
    } until $gone && metric($server, 'sessions') == 2 || time - $start > limit(20);
    @took = sort { $a <=> $b } @took;
    ok $gone && $took[@took / 2] < limit(100) && $took[-1] < limit(2000), sprintf
        '%d in %.1f s; the others wait %.1f ms, at most %.1f', $crowd, time - $start, $took[@took / 2], $took[-1];
    is metric($server, 'sessions'), 2, 'nobody is left over';
};

story 'one who shouts, one who whispers, one who does not listen' => sub {
    my $shouter = $server->guest('shouter');
    my $pid     = fork // die "fork: $!";
    if (!$pid) {
        my $raw   = Chatterbox::Raw->join($server, $shouter);
        my $frame = '{"type":"message","room":1,"text":"LISTEN","cid":"%d"}';
        my $n     = 0;
        while (1) { $raw->text(sprintf $frame, ++$n); $raw->ended_by_now && last unless $n % 50; $raw->{buffer} = '' }
        POSIX::_exit(0);
    }
    my $deaf    = $server->connect('deaf');
    $deaf->learn($_) for @{$deaf->history};
    $deaf->stop_reading;
    my $whisper = Chatterbox::Raw->new($server);
    my @letters = split //, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    my ($start, @took) = (time);
    while (time - $start < ($long ? 30 : 3)) {
        $whisper->put(shift @letters // '') if @letters;
        push @took, talk($ada, $bob, 1);
        my $next = time + 0.02;    # they have a rate, too
        wait_until 'the next words', sub { time > $next };
    }
    ok p99(@took) < limit(100), sprintf 'others talk on, p99 %.1f ms', p99(@took);
    kill KILL => $pid;
    waitpid $pid, 0;
    my $shouts = grep { ($_->{username} // '') eq 'shouter' } @{$ada->history};
    ok $shouts > 0 && $shouts <= 200 + 100 * (time - $start + 1), "the shouter got in $shouts, as the limit has it";
    like $whisper->put(join '', @letters)->read_head->body, qr/ok/, 'the whisperer has an answer';
    $deaf->reconnect;
    $deaf->learn($_) for $deaf->page->{reset} ? @{$deaf->history} : ();
    wait_until 'all is said', sub { $deaf->rev == $server->db->selectrow_array('SELECT max(rev) FROM messages') };
    is_deeply $deaf->transcript, $server->transcript, 'who did not listen comes back, and has missed nothing';
    is_deeply $_->wrong, [], 'no promise was broken to ' . $_->name for $ada, $bob, $deaf;
};

$server->stop;
done_testing;
