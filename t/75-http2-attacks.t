# HTTP/2 from those who mean harm (RFC 9113 sections 8 and 10.5): malformed requests are refused, floods cost the one who makes
# them, and nobody else notices. One worker, so that attackers and others share it.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::HTTP2;
use Chatterbox::Raw;
use Chatterbox::Siege;
use Time::HiRes qw(time);

my $H2     = 'Chatterbox::HTTP2';
my @config = ('num-threads' => 1, 'http1-upgrade-to-http2' => 'ON', 'chatterbox.write-timeout' => 1, 'http1-request-timeout' => 2);
my $server = Chatterbox->start(@config, -tls => 1);

sub frame  { Chatterbox::HTTP2::frame(@_) }
sub pseudo { Chatterbox::HTTP2::pseudo(@_) }
sub block  { Chatterbox::HTTP2::block(@_) }
sub cuts   { $server->get('/metrics')->body =~ /^chatterbox_connections_cut(?:_total)? (\d+)$/m ? $1 : die 'no counter' }

# what becomes of a request with these headers, on a connection of its own
sub fate_of (@headers) { my $h2 = $H2->new($server); return $h2->fate($h2->request(@headers)) }

story 'a request is refused when it is malformed' => sub {
    is fate_of(pseudo()), 'status 200', 'control: a good one';
    is fate_of(pseudo(), te => 'trailers'), 'status 200', 'control: te may be trailers';
    my @malformed = (
        ['an upper-case name',        pseudo(), Foo                 => 'bar'],
        ['connection',                pseudo(), connection          => 'close'],
        ['upgrade',                   pseudo(), upgrade             => 'websocket'],
        ['transfer-encoding',         pseudo(), 'transfer-encoding' => 'chunked'],
        ['te that is not trailers',   pseudo(), te                  => 'gzip'],
        ['an unknown pseudo-header',  pseudo(), ':foo'              => 'x'],
        ['a pseudo-header of answers', pseudo(), ':status'          => 200],
        ['a pseudo-header twice',     pseudo(), ':path'             => '/'],
        ['a pseudo-header behind',    x => 'y', pseudo()],
        ['no :method',                pseudo(':method' => undef)],
        ['no :scheme',                pseudo(':scheme' => undef)],
        ['no :path',                  pseudo(':path'   => undef)],
        ['an empty :path',            pseudo(':path'   => '')],
        ['a :path without a slash',   pseudo(':path'   => 'healthz')],
        ['a :path that is a URL',     pseudo(':path'   => 'http://localhost/healthz')],
        ['a :path with a space',      pseudo(':path'   => '/healthz HTTP/1.1')],
        ['a :path with CR LF',        pseudo(':path'   => "/healthz\r\nx: y")],
        ['a :path with NUL',          pseudo(':path'   => "/healthz\0")],
        ['an :authority with a space', pseudo(':authority' => 'a b')],
        ['an :authority with a slash', pseudo(':authority' => 'a/b')],
        ['CR LF in a value',          pseudo(), x     => "a\r\nb: c"],
        ['NUL in a value',            pseudo(), x     => "a\0b"],
        ['a space in a name',         pseudo(), 'x y' => 'z'],
        ['a negative length',         pseudo(), 'content-length' => -5]
    );
    like fate_of(@$_[1 .. $#$_]), qr/^(?:status 400|reset 1|goaway 1)$/, $_->[0] for @malformed;
    is fate_of(pseudo(), map { ("x$_" => 1) } 1 .. 101), 'status 431', '101 headers';
};

story 'a body is as long as it says, and no longer than it may be' => sub {
    for my $length (0, 5, 11) {
        my $h2 = $H2->new($server);
        is $h2->fate($h2->post('/api/login', 'x' x 10, 'content-length' => $length)), 'reset 1', "10 bytes that claim to be $length";
        is $h2->fate($h2->get('/healthz')), 'status 200', '... and the connection lives';
    }
    my $h2 = $H2->new($server);
    is $h2->fate($h2->post('/api/login', 'x' x 400_000)), 'status 413', 'more than any call takes';
    is $h2->fate($h2->post('/api/login', 'x' x 1_100_000)), 'reset 7', 'more than limit-request-body';
};

story 'frames that break the protocol end the connection, or the stream' => sub {
    my $S = sub (@frame) { my $h2 = $H2->new($server); $h2->send(@frame); $h2->ended; return $h2->goaway };
    is $S->(Chatterbox::HTTP2::DATA, 0, 0, 'x'), 1, 'DATA on stream 0';
    is $S->(Chatterbox::HTTP2::HEADERS, 5, 0, block(pseudo())), 1, 'HEADERS on stream 0';
    is $S->(Chatterbox::HTTP2::HEADERS, 5, 2, block(pseudo())), 1, 'HEADERS on a stream of the server';
    is $S->(Chatterbox::HTTP2::DATA, 0, 1, 'x'), 1, 'DATA on a stream that is not open';
    is $S->(Chatterbox::HTTP2::CONTINUATION, 4, 1, ''), 1, 'CONTINUATION of nothing';
    is $S->(Chatterbox::HTTP2::PUSH_PROMISE, 4, 1, pack 'N', 2), 1, 'PUSH_PROMISE from a client';
    is $S->(Chatterbox::HTTP2::PING, 0, 0, 'short'), 6, 'a PING of five bytes';
    is $S->(Chatterbox::HTTP2::SETTINGS, 0, 1, ''), 1, 'SETTINGS on a stream';
    is $S->(Chatterbox::HTTP2::WINDOW_UPDATE, 0, 0, pack 'N', 0), 1, 'a window that grows by 0';
    is $S->(Chatterbox::HTTP2::WINDOW_UPDATE, 0, 0, pack 'N', 0x7fffffff), 3, 'a window over 2^31-1';
    is $S->(Chatterbox::HTTP2::HEADERS, 5, 1, "\xff\xff\xff\xff\xff\xff"), 9, 'an index without end';
    is $S->(Chatterbox::HTTP2::HEADERS, 5, 1, "\xbe"), 9, 'an index of an empty table';
    is $S->(Chatterbox::HTTP2::HEADERS, 5, 1, "\x3f\xe2\x1f"), 9, 'a table over its limit';
    my $h2 = $H2->new($server);
    $h2->put(frame(1, 5, 1, block(pseudo())) . frame(8, 0, 1, pack 'N', 0x7fffffff));
    is $h2->answer(1)->{reset}, 3, 'the window of a stream over 2^31-1: that stream ends';
    $h2->{next} = 3;
    is $h2->fate($h2->get('/healthz')), 'status 200', '... and the connection lives';
};

story 'ten thousand CONTINUATIONs' => sub {
    for my $what (['with headers', block(map { ("x$_" => 'y' x 100) } 1 .. 10)], ['with nothing', '']) {
        my $h2 = $H2->new($server);
        $h2->raw_request(block(pseudo()), 1);
        my $before = $server->memory;
        $h2->put(frame(Chatterbox::HTTP2::CONTINUATION, 0, 1, $what->[1]) x 100) for 1 .. 100;
        ok $h2->ended, "$what->[0]: the connection ends";
        ok $server->sanitized || $server->memory - $before < 20e6, '... and what it costs is bounded';
    }
};

# one entry of 4 kB in the table, named with one byte each
story 'a bomb of headers' => sub {
    my $bomb = block(pseudo()) . "\x40" . "\x01x" . Chatterbox::HTTP2::hpack_string('y' x 3900) . "\xbe" x 12_000;
    my $h2   = $H2->new($server);
    is $h2->fate($h2->raw_request($bomb)), 'status 431', '12,000 times 4 kB in one request';
    besiege $server, 'bombs, whose answers may not be sent', 150, sub {
        my @all = map { $H2->new($server, settings => [4 => 0]) } 1 .. 3;
        for my $h2 (@all) { $h2->raw_request($bomb) for 1 .. 20 }
        sleep 1 while 1;
    };
};

# -- floods --

# a connection is attacked with the same bytes again and again; where the server hangs up, there comes the next
sub flood ($bytes, %o) {
    return sub {
        while (1) {
            my $h2 = $H2->new($server, %o);
            $h2->raw_request(block(pseudo(':method' => 'POST', ':path' => '/api/login')), 4);
            until ($h2->{hung_up}) {
                $h2->put($bytes);
                next if $o{deaf};
                while (IO::Select->new($h2->{socket})->can_read(0)) { sysread $h2->{socket}, my $gone, 65536 or last }
            }
        }
    };
}

my %flood = (
    'PINGs'                    => frame(6, 0, 0, 'x' x 8) x 1000,
    'SETTINGS'                 => frame(4, 0, 0, pack 'nN', 4, 65535) x 1000,
    'SETTINGS of the window'   => join('', map { frame(4, 0, 0, pack 'nN', 4, 65535 + $_) } 1 .. 1000),
    'empty DATA'               => frame(0, 0, 1, '') x 1000,
    'WINDOW_UPDATEs'           => frame(8, 0, 1, pack 'N', 1) x 1000,
    'PRIORITY'                 => join('', map { frame(2, 0, 1, pack 'NC', 0, $_ % 256) } 1 .. 1000),
    'unknown RST_STREAMs'      => frame(3, 0, 1, pack 'N', 8) . frame(3, 0, 1, pack 'N', 8) x 999
);
story "a flood of $_" => sub { besiege $server, $_, 60, flood($flood{$_}) } for sort keys %flood;
story "a flood of $_, whose answers nobody reads" => sub { besiege $server, $_, 60, flood($flood{$_}, deaf => 1, rcvbuf => 4096, tls => 1) } for qw(PINGs SETTINGS);

# -- requests that are given up --

sub resets ($path, $n, $how) {
    my $h2 = $H2->new($server);
    my $bytes = join '', map { $how->($h2->open_stream, block(pseudo(':path' => $path))) } 1 .. $n;
    return $h2->put($bytes);
}
my $rapid = sub ($id, $block) { frame(1, 5, $id, $block) . frame(3, 0, $id, pack 'N', 8) };
my %made  = (    # the client breaks a rule of the stream, and the server must reset it
    'a window that overflows' => sub ($id, $block) { frame(1, 5, $id, $block) . frame(8, 0, $id, pack 'N', 0x7fffffff) },
    'a window that grows by 0' => sub ($id, $block) { frame(1, 5, $id, $block) . frame(8, 0, $id, pack 'N', 0) },
    'DATA behind the end'     => sub ($id, $block) { frame(1, 5, $id, $block) . frame(0, 0, $id, 'x') }
);

story 'requests that are reset at once' => sub {
    for my $path ('/healthz', '/', '/js/app.js', '/api/me', '/nowhere') {
        my $before = cuts();
        ok resets($path, 250, $rapid)->ended, "250 of $path: the connection ends";
        is cuts(), $before + 1, '... it was cut';
    }
    my $before = cuts();
    my $h2 = resets('/js/app.js', 150, $rapid);
    is $h2->fate($h2->get('/healthz')), 'status 200', '150 may be given up';
    is cuts(), $before, '... nobody was cut';
    for my $what (sort keys %made) {
        ok resets('/js/app.js', 250, $made{$what})->ended, "reset by the server: $what";
        is cuts(), ++$before, '... it was cut';
    }
    my $good = $H2->new($server);
    is $good->fate($good->get('/healthz')), 'status 200', 'one after the other' for 1 .. 300;
    is cuts(), $before, 'three hundred requests that are answered are no attack';
};

story "a flood of requests that are reset" => sub {
    besiege $server, 'resets', 30, sub { while (1) { resets('/js/app.js', 1000, $rapid) } };
};

# -- who is slow, or does not read --

story 'who closes the windows is cut' => sub {
    my $before = cuts();
    my $h2 = $H2->new($server, settings => [4 => 0]);
    $h2->get('/js/app.js') for 1 .. 50;
    my $ping = 0;
    wait_until 'it is cut', sub { $h2->send(6, 0, 0, pack 'Q', ++$ping); cuts() > $before }, 10;
    pass 'who reads nothing of fifty files, and sends PINGs';
};

story 'a body that does not end is cut, too' => sub {
    my $before = cuts();
    my $h2 = $H2->new($server);
    $h2->raw_request(block(pseudo(':method' => 'POST', ':path' => '/api/login')), 4);
    wait_until 'it is cut', sub { $h2->send(0, 0, 1, 'x'); cuts() > $before }, 10;
    pass 'a byte now and then is not enough';
};

$server->stop;
done_testing;
