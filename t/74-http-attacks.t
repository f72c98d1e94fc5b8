# HTTP/1.1 from those who mean harm (RFC 9112 sections 3, 6, 7 and 11): a request that two readers could read in two ways is
# refused, and the connection ends; what follows it is never answered. Who is slow, or does not read, is cut in time, and nobody
# else notices. One worker, so that attackers and others share it.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Chatterbox::Siege;
use IO::Socket::INET;
use Time::HiRes qw(time);

my $server = Chatterbox->start('num-threads' => 1, 'http1-request-timeout' => 1, 'chatterbox.write-timeout' => 1,
    'max-connections' => 500);

sub cuts { $server->get('/metrics')->body =~ /^chatterbox_connections_cut(?:_total)? (\d+)$/m ? $1 : die 'no counter' }

# -- smuggling --

my $hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";

# all that comes back for these bytes, until the server hangs up; and the status of each answer in it
sub answers ($bytes) {
    my $raw = Chatterbox::Raw->new($server)->put($bytes);
    my $all = '';
    while (defined(my $byte = eval { $raw->take(1, 8) })) { $all .= $byte }
    return ($raw->{eof}, $all =~ m{HTTP/1\.1 (\d{3}) }g);
}

# these bytes, and a hidden request behind them: 400 and the end
sub refused ($what, $bytes, $status = qr/^(?:400|501)$/) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($end, @status) = answers($bytes . $hidden);
    ok $end && @status == 1 && $status[0] =~ $status, "$what: refused, and the end" or diag "(@status)";
}

sub head (@lines) { join '', map {"$_\r\n"} @lines, '' }

my $post = 'POST /api/login HTTP/1.1';
my $get  = 'GET /healthz HTTP/1.1';

story 'where a body ends' => sub {
    my $chunks = "3\r\nabc\r\n0\r\n\r\n";
    refused 'a length and a coding', head($post, 'Host: x', 'Content-Length: 13', 'Transfer-Encoding: chunked') . $chunks;
    refused 'a coding and a length', head($post, 'Host: x', 'Transfer-Encoding: chunked', 'Content-Length: 13') . $chunks;
    refused 'two lengths',           head($post, 'Host: x', 'Content-Length: 0', 'Content-Length: ' . length $hidden);
    refused 'the same length twice', head($post, 'Host: x', 'Content-Length: 2', 'Content-Length: 2') . '{}';
    refused "the length $_",         head($post, 'Host: x', "Content-Length: $_") . 'abc'
        for '3, 3', '+3', '-3', '0x3', '3 3', '3.0', '', '99999999999999999999', "3\x0b";
    refused "the coding $_", head($post, 'Host: x', "Transfer-Encoding: $_") . $chunks
        for 'identity', 'xchunked', 'chunkedx', 'chunked, chunked', 'gzip, chunked', '"chunked"', '', "\x0bchunked";
    refused 'chunked twice',    head($post, 'Host: x', ('Transfer-Encoding: chunked') x 2) . $chunks;
    refused 'chunked and more', head($post, 'Host: x', 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity') . $chunks;
    refused 'more and chunked', head($post, 'Host: x', 'Transfer-Encoding: identity', 'Transfer-Encoding: chunked') . $chunks;
    refused 'chunked in HTTP/1.0', head('POST /api/login HTTP/1.0', 'Host: x', 'Transfer-Encoding: chunked') . $chunks;
    refused "the chunk $_", head($post, 'Host: x', 'Transfer-Encoding: chunked') . "$_\r\nabc\r\n0\r\n\r\n"
        for '-3', 'g', '', '10000000000000003', '-0';
    my ($end, @status) = answers(head($post, 'Host: x', 'Transfer-Encoding: chunked') . "ffffffffffffffff\r\nabc\r\n0\r\n\r\n$hidden");
    ok $end && !grep({ $_ == 200 || $_ == 404 } @status), 'the chunk ffffffffffffffff: nothing behind it is answered';
    refused 'a chunk that is longer than it says', head($post, 'Host: x', 'Transfer-Encoding: chunked') . "2\r\nabc\r\n0\r\n\r\n";
};

# each is understood one way, and the connection ends behind it: H2O is lenient about chunks
story 'a chunked body is the last of its connection' => sub {
    for my $chunks ("2\r\n{}\r\n0\r\n\r\n", "2;a=b\r\n{}\r\n0\r\n\r\n", "002\r\n{}\r\n0\r\n\r\n", "2\n{}\n0\n\n", "2\r\n{}\r\n0\r\nx: y\r\n\r\n") {
        my ($end, @status) = answers(head($post, 'Host: x', 'Transfer-Encoding: chunked') . $chunks . $hidden);
        ok $end && @status == 1 && $status[0] == 400, 'one answer, then the end' or diag "(@status)";
    }
};

story 'what a head looks like' => sub {
    refused 'two Hosts',           head($get, 'Host: x', 'Host: y');
    refused 'no Host',             head($get, 'Accept: */*');
    refused "the Host $_",         head($get, "Host: $_") for 'a b', 'a/b', 'a@b', 'a,b"';
    refused 'a folded line',       head($get, 'Host: x', 'X: a', ' Content-Length: 40');
    refused 'folded at once',      head($get, ' Host: x');
    refused 'a space before the colon', head($post, 'Host: x', 'Content-Length : 40');
    refused 'a tab before the colon',   head($post, 'Host: x', "Transfer-Encoding\t: chunked");
    refused 'no colon',            head($get, 'Host: x', 'Content-Length');
    refused 'no name',             head($get, 'Host: x', ': x');
    refused 'bare line feeds',     "$get\nHost: x\n\n";
    refused 'one bare line feed',  "$get\r\nHost: x\nX: y\r\n\r\n";
    refused 'a bare end',          "$get\r\nHost: x\r\n\n";
    refused 'a bare carriage return', "$get\r\nHost: x\r\nX: a\rb\r\n\r\n";
    refused sprintf('the byte %02x in a value', $_), head($get, 'Host: x', 'X: a' . chr($_) . 'b') for 0, 1, 8, 11, 12, 27, 127;
    refused sprintf('the byte %02x in a name', $_), head($get, 'Host: x', 'X' . chr($_) . 'Y: a') for 0, 1, 9, 11, 32, 127, 128;
    refused 'another version',     head("GET /healthz HTTP/$_", 'Host: x') for '2.0', '0.9', '1', '1.1.1', 'x';
    refused 'no version',          "GET /healthz\r\n\r\n";
    refused "the target $_",       head("GET $_ HTTP/1.1", 'Host: x') for 'http://y/healthz', 'healthz', '*', '//x y', '/a b';
    refused 'CONNECT',             head('CONNECT x:80 HTTP/1.1', 'Host: x');
    refused 'a preface of HTTP/2', "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    refused '101 headers',         head($get, 'Host: x', map {"X$_: y"} 1 .. 101), qr/^4/;
    refused 'a head without end',  "$get\r\nHost: x\r\nX: " . 'y' x 500_000, qr/^400$/;
};

story 'what is understood is answered, one after the other' => sub {
    my $close = head($get, 'Host: x', 'Connection: close');
    my ($end, @status) = answers((head($get, 'Host: x') x 99) . $close);
    is_deeply \@status, [(200) x 100], 'a hundred requests at once';
    (undef, @status) = answers(head($get, 'Host: x', 'Content-Length: ' . length $hidden) . $hidden . $close);
    is_deeply \@status, [200, 200], 'a body of a GET is no request';
    (undef, @status) = answers("\r\n" . head($get, 'Host: x') . $close);
    is_deeply \@status, [200, 200], 'an empty line in front';
    (undef, @status) = answers(head("GET /healthz HTTP/1.0"));
    is_deeply \@status, [200], 'HTTP/1.0 without a Host';
    (undef, @status) = answers(head($get, 'Host: x', 'Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAAQAAP__') . $close);
    is_deeply \@status, [200], 'no upgrade to HTTP/2 without TLS';
};

# -- two hundred who are slow --

my $crowd = $server->sanitized ? 50 : 200;

# opens them all, and says `$first` to each
sub slow_crowd ($first, %o) {
    my @all = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port) // die "no connection: $!" } 1 .. $crowd;
    if ($o{deaf}) { setsockopt $_, SOL_SOCKET, SO_RCVBUF, pack 'i', 4096 for @all }
    syswrite $_, $first for @all;
    return @all;
}

sub connections { $server->get('/metrics')->body =~ /^chatterbox_connections (\d+)$/m ? $1 : die 'no gauge' }

sub slow_ones ($what, $first, $byte, %o) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before  = connections();
    my $start   = time;
    my $drip    = attacker(sub {
        my @all = slow_crowd($first, %o);
        while (1) { select undef, undef, undef, 0.5; defined $byte and syswrite $_, $byte for @all }
    });
    wait_until "$what: they are there", sub { connections() > $before + $crowd / 2 }, 20;
    nobody_notices($server, $what);
    wait_until "$what: all are cut", sub { connections() <= $before + 5 }, 20;
    ok time - $start < limit(15), sprintf '... and all are cut (%.1f s)', time - $start;
}

story 'slow heads'  => sub { slow_ones 'a byte of a head now and then', "GET /healthz HTTP/1.1\r\nX: ", 'x' };
story 'slow bodies' => sub { slow_ones 'a byte of a body now and then', head($post, 'Host: x', 'Content-Length: 1000'), 'x' };
story 'nobody reads' => sub {
    my $before = cuts();
    my $ada = $server->guest('ada');
    $ada->post('/api/rooms/1/messages', {text => 'x' x 16_000}) for 1 .. 100;
    my $ask = head('GET /api/rooms/1/messages?limit=200 HTTP/1.1', 'Host: x', 'Authorization: Bearer ' . $ada->token);
    slow_ones 'a history that nobody reads', $ask x 4, undef, deaf => 1;
    ok cuts() >= $before + $crowd, '... each of them was cut for it';
};

$server->stop;
done_testing;
