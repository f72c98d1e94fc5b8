package Chatterbox::Raw;

# Chatterbox::Raw -- HTTP and WebSocket by hand, for what a decent client cannot send: broken handshakes, unmasked or
# reserved frames, half messages. A blocking socket with a time limit; nobody else's loop turns meanwhile.

use v5.36;

use Carp qw(croak);
use Encode ();
use IO::Select;
use IO::Socket::INET;
use Mojo::JSON qw(decode_json encode_json);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

use constant {CONTINUATION => 0, TEXT => 1, BINARY => 2, CLOSE => 8, PING => 9, PONG => 10};

my $key = 'dGhlIHNhbXBsZSBub25jZQ==';    # of RFC 6455 section 1.3, and the answer that belongs to it
sub key    {$key}
sub accept {'s3pPLMBiTxaQ9kYGzzhZRbK+xOo='}

sub new ($class, $server) {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port, Timeout => 10)
        or croak "no connection: $!";
    binmode $socket;
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;    # what is put goes at once
    $socket->autoflush(1);
    return bless {socket => $socket, buffer => '', server => $server}, $class;
}

# sends a request and reads the answer's head (and body, unless it is an upgrade). Headers are a list of pairs, as they go.
sub request ($self, $method, $path, @headers) {
    my $request = "$method $path HTTP/1.1\r\n";
    while (my ($name, $value) = splice @headers, 0, 2) { $request .= "$name: $value\r\n" if defined $value }
    $self->put("$request\r\n");
    return $self->read_head;
}

# the handshake of a good client, where `%change` puts other values (undef: leaves the header out)
sub handshake ($self, %change) {
    my $method = delete $change{-method} // 'GET';
    my %headers = (
        Host                    => '127.0.0.1:' . $self->{server}->port,
        Upgrade                 => 'websocket',
        Connection              => 'Upgrade',
        'Sec-WebSocket-Key'     => $key,
        'Sec-WebSocket-Version' => 13,
        %change
    );
    return $self->request($method, '/ws', map { $_ => $headers{$_} } 'Host', grep { $_ ne 'Host' } sort keys %headers);
}

# a connection that is open
sub open ($class, $server, %change) {
    my $self = $class->new($server)->handshake(%change);
    croak "no upgrade: $self->{status}" unless $self->{status} == 101;
    return $self;
}

# one that has said hello for `$client`, and read the welcome and the history of its one room
sub join ($class, $server, $client, %change) {
    my $self = $class->open($server, %change);
    $self->json({type => 'hello', token => $client->token});
    $self->next('history');
    return $self;
}

sub status ($self)        { $self->{status} }
sub header ($self, $name) { $self->{headers}{lc $name} }
sub body   ($self)        { $self->{body} }

sub read_head ($self) {
    my $head = $self->take_until(qr/^(.*?)\r\n\r\n/s) // croak 'no answer: ' . substr $self->{buffer}, 0, 200;
    my ($line, @lines) = split /\r\n/, $head;
    ($self->{status}) = $line =~ m{^HTTP/1\.[01] (\d{3})} or croak "not an answer: $line";
    $self->{headers} = {};
    for (@lines) {
        my ($name, $value) = /^([^:]+):\s*(.*?)\s*$/ or next;
        $self->{headers}{lc $name} = $value;
    }
    my $length = $self->{headers}{'content-length'} // 0;
    $self->{body} = $self->{status} == 101 ? '' : $self->take($length) // '';
    return $self;
}

# -- frames --

# the bytes of one frame; options: fin (1), rsv (0), masked (1), mask (its four bytes), length (claims another one), width
# (bits that the length takes: 7, 16 or 64; else as few as do)
sub encode ($op, $payload = '', %o) {
    my $length = $o{length} // length $payload;
    my $mask   = ($o{masked} // 1) ? 0x80 : 0;
    my $width  = $o{width} // ($length < 126 ? 7 : $length < 65536 ? 16 : 64);
    my $head   = pack 'C', ($o{fin} // 1) << 7 | ($o{rsv} // 0) << 4 | $op;
    $head .= $width == 7 ? pack('C', $mask | $length)
        : $width == 16   ? pack('Cn', $mask | 126, $length)
        :                  pack('CQ>', $mask | 127, $length);
    return $head . $payload unless $mask;
    my $with = $o{mask} // pack 'N', int rand 0xffffffff;
    return $head . $with . mask($payload, $with);
}

# sends one frame, with the options of encode
sub frame ($self, @frame) { $self->put(encode(@frame)) }

sub mask ($payload, $with) {
    return $payload ^. substr $with x (length($payload) / 4 + 1), 0, length $payload;
}

sub text  ($self, $bytes)  { $self->frame(TEXT, $bytes) }
sub json  ($self, $value)  { $self->text(encode_json($value)) }
sub put   ($self, $bytes)  {
    local $SIG{PIPE} = 'IGNORE';    # the server may have hung up: the reading side will tell
    my $deadline = time + Chatterbox::limit(20);
    my $select   = IO::Select->new($self->{socket});
    while (length $bytes && time < $deadline) {
        next unless $select->can_write(0.1);
        my $n = syswrite $self->{socket}, $bytes, 65536;
        last unless defined $n;
        substr $bytes, 0, $n, '';
    }
    return $self;
}

# the next frame: {op, fin, rsv, payload}; undef at the end of the connection
sub read_frame ($self, $seconds = 10) {
    my $head = $self->take(2, $seconds) // return undef;
    my ($first, $second) = unpack 'CC', $head;
    my $length = $second & 0x7f;
    my ($width, $kind) = $length == 126 ? (2, 'n') : $length == 127 ? (8, 'Q>') : (0);
    $length = unpack $kind, $self->take($width, $seconds) // return undef if $width;
    croak 'a masked frame from the server' if $second & 0x80;
    my $payload = $self->take($length, $seconds) // return undef;
    return {op => $first & 15, fin => $first >> 7, rsv => $first >> 4 & 7, payload => $payload};
}

# the next text frame of this type, decoded; others are passed over
sub next ($self, $type, $seconds = 10) {
    while (my $frame = $self->read_frame($seconds)) {
        croak 'closed with ' . unpack 'n', $frame->{payload} if $frame->{op} == CLOSE;
        next if $frame->{op} != TEXT;
        my $value = decode_json($frame->{payload});
        return $value if $value->{type} eq $type;
    }
    croak "the connection ended before a $type came";
}

# the next control frame of this kind; others are passed over
sub next_control ($self, $op, $seconds = 10) {
    while (my $frame = $self->read_frame($seconds)) {
        return $frame if $frame->{op} == $op;
        return undef  if $frame->{op} == CLOSE;
    }
    return undef;
}

# reads to the end: the code of the close frame, or 1006 where the connection ended without one
sub close_code ($self, $seconds = 10) {
    while (my $frame = $self->read_frame($seconds)) {
        return length $frame->{payload} >= 2 ? unpack 'n', $frame->{payload} : 1005 if $frame->{op} == CLOSE;
    }
    return 1006;
}

# what came before the answer to a ping that is sent now, which is behind the answers to all that was sent before: the types of
# text frames, but for what others do; pongs as "pong PAYLOAD"; the last is "close CODE", or "end", where the server has ended it
sub heard ($self) {
    state $marks = 0;
    my $mark = 'mark ' . ++$marks;
    my @heard;
    $self->frame(PING, $mark);
    while (my $frame = $self->read_frame) {
        my ($op, $payload) = @$frame{qw(op payload)};
        return \@heard if $op == PONG && $payload eq $mark;
        push @heard, $op == TEXT ? decode_json($payload)->{type} : $op == PONG ? "pong $payload"
            : $op == CLOSE ? 'close' . (length $payload ? ' ' . unpack 'n', $payload : '') : "opcode $op";
        pop @heard if $op == TEXT && $heard[-1] =~ /^(?:presence|message)$/;
        return \@heard if $op == CLOSE;
    }
    return [@heard, 'end'];
}

# true when the server has ended the connection, and nothing came before that
sub ended ($self, $seconds = 10) { !defined $self->take(1, $seconds) && $self->{eof} }

# the same, without waiting for it; what came stays to be read
sub ended_by_now ($self) {
    while (IO::Select->new($self->{socket})->can_read(0)) { $self->fill(time + 1) or return 1 }
    return $self->{eof};
}

# -- bytes --

sub fill ($self, $deadline) {
    return 0 if $self->{eof};
    my $left = $deadline - time;
    croak 'gave up waiting for the server' if $left <= 0;
    return 1 unless IO::Select->new($self->{socket})->can_read($left);
    my $n = sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer};
    $self->{eof} = 1 unless $n;
    return !!$n;
}

sub take ($self, $length, $seconds = 10) {
    my $deadline = time + Chatterbox::limit($seconds);
    while (length $self->{buffer} < $length) { $self->fill($deadline) or return undef }
    return substr $self->{buffer}, 0, $length, '';
}

sub take_until ($self, $pattern, $seconds = 10) {
    my $deadline = time + Chatterbox::limit($seconds);
    while (1) {
        return $1 if $self->{buffer} =~ s/$pattern//;
        $self->fill($deadline) or return undef;
    }
}

1;
