# RFC 6455 sections 4.1, 4.2 and 4.4: what t/41 does not ask of a handshake. Header for header as HTTP spells it: any case, any order,
# lists, more than once.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Digest::SHA qw(sha1_base64);
use MIME::Base64 qw(encode_base64);

my $server = Chatterbox->start;

sub shake (%change) { Chatterbox::Raw->new($server)->handshake(%change) }

my @good = (Host => 'localhost', Upgrade => 'websocket', Connection => 'Upgrade', 'Sec-WebSocket-Key' => Chatterbox::Raw->key, 'Sec-WebSocket-Version' => 13);

# a request with these headers, in this order
sub ask (@headers) { Chatterbox::Raw->new($server)->request(GET => '/ws', @headers) }

# the handshake is through, and frames are understood behind it
sub is_open ($raw, $what) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $raw->status, 101, $what or return;
    is_deeply $raw->heard, [], '... and frames follow';
}

story '4.2.2: the accept key is made from the key' => sub {
    for my $n (0 .. 31) {
        my $key = encode_base64(pack('C*', map { $n * 37 + $_ * 91 & 255 } 1 .. 16), '');
        my $raw = shake('Sec-WebSocket-Key' => $key);
        is $raw->header('Sec-WebSocket-Accept'), sha1_base64($key . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11') . '=', $key;
    }
};

story '4.2.1: names and tokens in any case, in lists, in any order' => sub {
    is_open shake(Upgrade    => $_), "Upgrade: $_"    for qw(websocket WebSocket WEBSOCKET), 'h2c, websocket', 'websocket,h2c';
    is_open shake(Connection => $_), "Connection: $_" for qw(upgrade Upgrade UPGRADE), 'keep-alive, Upgrade', 'Upgrade,TE', 'x , uPGRADE , y';
    my @pairs = map { [@good[2 * $_, 2 * $_ + 1]] } 0 .. $#good / 2;
    for my $turn (1 .. @pairs) {
        push @pairs, shift @pairs;
        is_open ask(map {@$_} @pairs), "$pairs[0][0] first";
        is_open ask(map {@$_} reverse @pairs), '... or last';
    }
    is_open ask(map { $_ % 2 ? $good[$_] : lc $good[$_] } 0 .. $#good), 'names in small letters';
    is_open ask(map { $_ % 2 ? $good[$_] : uc $good[$_] } 0 .. $#good), 'names in capitals';
    is_open ask(@good, Cookie => 'x=' . 'y' x 2000, 'User-Agent' => 'z' x 500, map { ("X-$_" => $_) } 1 .. 50), 'and many others';
    is_open Chatterbox::Raw->new($server)->request(GET => '/ws?room=1&x=%20', @good), 'with a query';
};

story '4.2.1: what is missing is a broken handshake' => sub {
    for my $case (['Connection without Upgrade', 426, Connection => 'keep-alive'], ['no Connection', 426, Connection => undef],
        ['a part of the token', 426, Connection => 'NotUpgrade'], ['a part of the protocol', 426, Upgrade => 'websocket2'],
        ['no Upgrade', 426, Upgrade => undef], ['no Host', 400, Host => undef])
    {
        my ($what, $status, %change) = @$case;
        is shake(%change)->status, $status, "$what: $status";
    }
    for my $method (qw(POST PUT DELETE OPTIONS PATCH), 'get') {
        my $raw = shake(-method => $method, $method =~ /^P/ ? ('Content-Length' => 0) : ());
        is $raw->status, 405, "$method: 405";
        is $raw->header('Allow'), 'GET', '... with Allow';
    }
    my $raw = Chatterbox::Raw->new($server);
    $raw->put("GET /ws HTTP/1.0\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " . $raw->key
        . "\r\nSec-WebSocket-Version: 13\r\n\r\n");
    is $raw->read_head->status, 426, 'HTTP/1.0: 426';
};

story '4.4: the version, alone and once' => sub {
    for my $version ('13, 8', '8, 13', '13,13', '013', '13.0', '+13', '1 3', '130', '256', '-1', '7') {
        my $raw = shake('Sec-WebSocket-Version' => $version);
        is $raw->status, 426, "version $version: 426";
        is $raw->header('Sec-WebSocket-Version'), 13, '... and which one would do';
    }
    is ask(@good, 'Sec-WebSocket-Version' => $_)->status, 426, "13 and $_: twice is none" for 8, 13;
};

story '4.1: the key, 16 bytes, once' => sub {
    for my $key (map({ encode_base64('x' x $_, '') } 0, 1, 12, 15, 17, 18, 20, 32), '=' x 24, ' ' x 24, 'dGhlIHNhbXBsZSBub25j-_==', 'dGhlIHNhbXBsZSBub25jZ===') {
        is shake('Sec-WebSocket-Key' => $key)->status, 400, "key '$key': 400";
    }
    is ask(@good, 'Sec-WebSocket-Key' => $_)->status, 400, "and another, $_: 400" for Chatterbox::Raw->key, '', 'AAAAAAAAAAAAAAAAAAAAAA==';
};

story '4.1, 9.1: unknown extensions and subprotocols, and other fields, are passed over' => sub {
    for my $offer ('x-unknown', 'foo; bar=1; baz="a, b", x', 'bbf-usp-protocol', ',,', '') {
        my $raw = shake('Sec-WebSocket-Extensions' => $offer);
        is $raw->header('Sec-WebSocket-Extensions'), undef, "extensions '$offer': none agreed to";
        is_open $raw, '... and let in';
    }
    my $raw = ask(@good, map { ('Sec-WebSocket-Protocol' => $_) } 'chat', 'superchat', 'chatterbox.v1');
    is $raw->header('Sec-WebSocket-Protocol'), 'chatterbox.v1', 'a subprotocol from the third of three headers';
    for my $offer ('chatterbox.v11', 'chatterbox', 'CHATTERBOX.V1', 'chatterbox.v1x', '', ',') {
        $raw = shake('Sec-WebSocket-Protocol' => $offer);
        is $raw->header('Sec-WebSocket-Protocol'), undef, "subprotocol '$offer' is not ours";
        is_open $raw, '... and let in';
    }
    is_open shake('Sec-WebSocket-Accept' => 'x', 'Sec-WebSocket-Foo' => 'y'), 'what a client should not send';
};

story '4.2.2 (4): Origin, in its spellings' => sub {
    my $own = $server->url;
    is ask(@good[2 .. $#good], Host => '127.0.0.1:' . $server->port, Origin => $own, Origin => 'http://evil.example')->status, 403, 'two, the first is ours: 403';
    is shake(Origin => $own, 'Sec-WebSocket-Origin' => 'http://evil.example')->status, 101, 'the header of old drafts says nothing';
    is shake('Sec-WebSocket-Origin' => $own, Origin => 'http://evil.example')->status, 403, '... neither for good';
};

story 'a body: what it says is not taken for frames' => sub {
    my $raw = Chatterbox::Raw->new($server);
    my $ping = Chatterbox::Raw::encode(Chatterbox::Raw::PING, 'smuggled');
    my $head = join '', "GET /ws HTTP/1.1\r\n", map { "$good[2 * $_]: $good[2 * $_ + 1]\r\n" } 0 .. $#good / 2;
    $raw->put($head . 'Content-Length: ' . length($ping) . "\r\n\r\n" . $ping);
    is $raw->read_head->status, 101, 'Content-Length';
    is_deeply $raw->heard, [], '... its bytes are gone';
    $raw = Chatterbox::Raw->new($server);
    $raw->put("${head}Transfer-Encoding: chunked\r\n\r\n" . sprintf("%x\r\n%s\r\n0\r\n\r\n", length $ping, $ping));
    is $raw->read_head->status, 101, 'chunked';
    is_deeply $raw->heard, [], '... its bytes are gone';
};

story 'the handshake in pieces, and with all behind it' => sub {
    my $request = join '', "GET /ws HTTP/1.1\r\n", (map { "$good[2 * $_]: $good[2 * $_ + 1]\r\n" } 0 .. $#good / 2), "\r\n";
    my $raw = Chatterbox::Raw->new($server);
    $raw->put($_) for split //, $request;
    is_open $raw->read_head, 'byte by byte';
    $raw = Chatterbox::Raw->new($server);
    $raw->put($request . join '', map { Chatterbox::Raw::encode(Chatterbox::Raw::PING, $_) } 1 .. 500);
    is_deeply $raw->read_head->heard, [map {"pong $_"} 1 .. 500], '500 pings in one piece with it';
    $raw = Chatterbox::Raw->new($server);
    $raw->put($request . Chatterbox::Raw::encode(Chatterbox::Raw::CLOSE, pack 'n', 1000));
    is $raw->read_head->close_code, 1000, 'a close frame in one piece with it';
    $raw = Chatterbox::Raw->new($server);
    $raw->put($request . "\x83\x80");
    is $raw->read_head->close_code, 1002, 'and what is none' if $raw->put("\0\0\0\0");
};

$server->stop;
done_testing;
