# The door of WebSocket (RFC 6455 section 4.2): who is let in, and how the others are told.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;

my $server = Chatterbox->start('chatterbox.allowed-origins' => ['https://chat.example']);

sub shake (%change) { Chatterbox::Raw->new($server)->handshake(%change) }

story 'a good handshake' => sub {
    my $raw = shake();
    is $raw->status, 101, 'switching protocols';
    is $raw->header('Sec-WebSocket-Accept'), Chatterbox::Raw->accept, 'the accept key of RFC 6455 section 1.3';
    like $raw->header('Upgrade')    // '', qr/^websocket$/i, 'Upgrade';
    like $raw->header('Connection') // '', qr/^upgrade$/i,   'Connection';
    is $raw->header('Sec-WebSocket-Protocol'), undef, 'no subprotocol that was not offered';
    is shake(Connection => 'keep-alive, Upgrade', Upgrade => 'WebSocket')->status, 101, 'as browsers spell it';
};

story 'the subprotocol is accepted when offered' => sub {
    for my $offer ('chatterbox.v1', 'chatterbox.v9, chatterbox.v1', 'a,chatterbox.v1 ,b') {
        my $raw = shake('Sec-WebSocket-Protocol' => $offer);
        is $raw->status, 101, $offer;
        is $raw->header('Sec-WebSocket-Protocol'), 'chatterbox.v1', '... and named';
    }
    my $raw = shake('Sec-WebSocket-Protocol' => 'chatterbox.v9');
    is $raw->status, 101, 'only others: it is not demanded';
    is $raw->header('Sec-WebSocket-Protocol'), undef, '... and none is named';
};

story 'an extension that is offered may be declined' => sub {
    my $raw = shake('Sec-WebSocket-Extensions' => 'permessage-deflate; client_max_window_bits, x-unknown');
    is $raw->status, 101, 'let in';
    unlike $raw->header('Sec-WebSocket-Extensions') // '', qr/x-unknown/, 'nothing unknown is agreed to';
};

story 'another version of the protocol' => sub {
    for my $version (8, 0, 14, '', 'x', undef) {
        my $raw = shake('Sec-WebSocket-Version' => $version);
        is $raw->status, 426, 'version ' . ($version // 'left out');
        is $raw->header('Sec-WebSocket-Version'), 13, '... the one that would do is named';
    }
};

story 'a key that is none' => sub {
    is shake('Sec-WebSocket-Key' => $_)->status, 400, 'key ' . ($_ // 'left out')
        for '', 'short', 'x' x 24, 'dGhlIHNhbXBsZSBub25jZQ=', 'dGhlIHNhbXBsZSBub25jZQ==A', 'dGhlIHNhbXBsZSBub25j!Q==', undef;
};

story 'not a handshake at all' => sub {
    for my $case ([plain => (Upgrade => undef, Connection => undef)], ['no Upgrade' => (Upgrade => undef)],
        ['another Upgrade' => (Upgrade => 'h3')])
    {
        my ($what, %change) = @$case;
        my $raw = shake(%change);
        is $raw->status, 426, $what;
        like $raw->header('Upgrade') // '', qr/^websocket$/i, '... says what would do';
    }
    my $raw = shake(-method => 'POST', 'Content-Length' => 0);
    like $raw->status, qr/^(?:405|426)$/, 'POST';
};

story 'Origin: ours, the allowed ones, none; no other' => sub {
    my $own = $server->url;
    is shake(Origin => $_)->status, 101, $_ // 'none' for $own, 'https://chat.example', undef;
    for my $origin ('http://evil.example', 'null', "$own.evil.example", "$own/", 'http://chat.example', 'http://127.0.0.1:1', '') {
        my $raw = shake(Origin => $origin);
        is $raw->status, 403, "Origin: $origin";
        like $raw->body, qr/"bad_origin"/, '... bad_origin';
    }
};

story 'a token in cookie or header is as good as one in hello' => sub {
    my $ada = $server->guest('ada');
    for my $way ([Cookie => 'x=1; chatterbox_token=' . $ada->token], [Authorization => 'Bearer ' . $ada->token]) {
        my $raw = Chatterbox::Raw->open($server, @$way, Origin => $server->url);
        $raw->json({type => 'hello'});
        is $raw->next('welcome')->{user}{username}, 'ada', $way->[0];
    }
    my $raw = Chatterbox::Raw->open($server);
    $raw->json({type => 'hello'});
    is $raw->close_code, 4003, 'nowhere a token: 4003';
};

story 'a token in the URL is none' => sub {
    my $ada = $server->guest('bob');
    my $raw = Chatterbox::Raw->new($server);
    $raw->request(GET => '/ws?token=' . $ada->token . '&chatterbox_token=' . $ada->token,
        Host => 'x', Upgrade => 'websocket', Connection => 'Upgrade', 'Sec-WebSocket-Key' => $raw->key, 'Sec-WebSocket-Version' => 13);
    if ($raw->status == 101) {
        $raw->json({type => 'hello'});
        is $raw->close_code, 4003, 'not let in';
    }
    else { is $raw->status, 404, 'no such path' }
};

story 'frames that come in one piece with the handshake are not lost' => sub {
    my $ada = $server->guest('cleo');
    my $raw = Chatterbox::Raw->new($server);
    my $put = $raw->can('put');
    my @bytes;
    {
        no warnings 'redefine';
        local *Chatterbox::Raw::put = sub ($self, $bytes) { push @bytes, $bytes; $self };
        local *Chatterbox::Raw::read_head = sub ($self) {$self};
        $raw->handshake;
        $raw->json({type => 'hello', token => $ada->token});
    }
    $raw->$put(join '', @bytes);
    is $raw->read_head->status, 101, 'upgraded';
    is $raw->next('welcome')->{user}{username}, 'cleo', 'welcomed';
};

$server->stop;
done_testing;
