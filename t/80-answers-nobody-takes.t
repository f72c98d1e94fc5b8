# Some dozens of people each asked for a page of long messages, or said hello, and read nothing of the answer: under a limit of
# memory the server took all of it, got no more, and ended. Only what came in was looked at when memory got short.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::HTTP2;
use Chatterbox::Raw;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_RCVBUF);

use constant MB => 1 << 20;

plan skip_all => 'a sanitizer needs more addresses than there are' if Chatterbox::slurp(Chatterbox::binary()) =~ /__(?:a|t)san_init/;
my $limit  = 200 * MB;
my $server = Chatterbox->start(-child => sub { system 'prlimit', '--pid', $$, "--as=$limit" },
    'http1-upgrade-to-http2' => 'ON');
local $SIG{PIPE} = 'IGNORE';
my ($ada, $bob) = map { $server->connect($_) } qw(ada bob);
my $crowd = $server->guest('crowd');
$ada->ack($_) for map { $ada->say('"' x 16_000, wait => 0) } 1 .. 200;

sub metric ($name) { ($server->get('/metrics')->body =~ /^chatterbox_$name (\d+)$/m)[0] }

# the kernel takes little for who does not read
sub deaf ($socket) { setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack 'i', 4096 }

my $page = '/api/rooms/1/messages?limit=200';    # 6.4 MB

sub ask_by_http1 () {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port, Timeout => 10) or return;
    deaf($socket);
    syswrite $socket, "GET $page HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " . $crowd->token . "\r\n\r\n";
    return $socket;
}

sub ask_by_http2 () {
    my $h2 = Chatterbox::HTTP2->new($server, settings => [4 => 0]);    # windows that let nothing through
    $h2->get($page, authorization => 'Bearer ' . $crowd->token) for 1 .. 50;
    return $h2;
}

sub say_hello () {
    my $raw = eval { Chatterbox::Raw->open($server) } or return;
    deaf($raw->{socket});
    $raw->json({type => 'hello', token => $crowd->token});
    return $raw;
}

# who does it, and how often
for (['HTTP/1.1', \&ask_by_http1, 50], ['HTTP/2', \&ask_by_http2, 1], ['WebSocket', \&say_hello, 150]) {
    my ($name, $ask, $n) = @$_;
    story $name => sub {
        my $before = metric('connections_cut_total');
        my @in     = grep {defined} map { $ask->() } 1 .. $n;
        wait_until 'who takes nothing of much is cut', sub { !$server->exited && metric('connections_cut_total') > $before }, 15;
        $ada->ack($ada->say("$name: still here?"));
        $bob->reaches($ada->rev);
        wait_until 'there is memory again', sub { metric('memory_short') == 0 }, 15;
        ok !$server->exited, scalar(@in) . ' of them, and the server lives';
        undef @in;
        wait_until 'who reads is told', sub { $bob->get('/api/rooms/1/messages?limit=10')->code == 200 };
        wait_until 'they are gone', sub { metric('sessions') == 2 };
    };
}
story 'all sessions of a person hear of a new room' => sub {
    my $room = $ada->post('/api/rooms', {kind => 'public', name => 'long words'})->json->{id};
    $ada->ack($_) for map { $ada->say('"' x 16_000, room => $room, wait => 0) } 1 .. 50;
    my @in = map { Chatterbox::Raw->join($server, $crowd) } 1 .. 40;
    deaf($_->{socket}) for @in;
    is $crowd->post("/api/rooms/$room/members", {username => $crowd->name})->code, 200, 'they join';
    wait_until 'they are told', sub { metric('waiting_bytes') > 1 * MB };
    cmp_ok metric('waiting_bytes'), '<', 4 * MB, 'the same 1.6 MB';
};

is_deeply $_->wrong, [], $_->name . ' saw no promise broken' for $ada, $bob;
$server->stop;
done_testing;
