package Chatterbox::HTTP2;

# Chatterbox::HTTP2 -- HTTP/2 by hand (RFC 9113), for what a decent client cannot send: frames as bytes, headers as literals that
# nobody compresses (RFC 7541 section 6.2.2), or any bytes at all. Over TLS, or at once where the server takes that
# (`http1-upgrade-to-http2: ON`).
#
#     my $h2 = Chatterbox::HTTP2->new($server);
#     my $stream = $h2->get('/healthz');
#     is $h2->answer($stream)->{status}, 200;

use v5.36;

use Carp qw(croak);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::SSL;
use Time::HiRes qw(time);

use constant {
    DATA => 0, HEADERS => 1, PRIORITY => 2, RST_STREAM => 3, SETTINGS => 4, PUSH_PROMISE => 5, PING => 6, GOAWAY => 7,
    WINDOW_UPDATE => 8, CONTINUATION => 9
};
use constant {END_STREAM => 1, ACK => 1, END_HEADERS => 4};
use constant {PROTOCOL_ERROR => 1, FLOW_CONTROL_ERROR => 3, REFUSED_STREAM => 7, COMPRESSION_ERROR => 9, ENHANCE_YOUR_CALM => 11};

# options: tls (off), settings (list of pairs), rcvbuf (of the socket)
sub new ($class, $server, %o) {
    my ($port) = ($o{tls} ? $server->tls_url : $server->url) =~ /:(\d+)$/;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 10) or croak "no connection: $!";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack 'i', $o{rcvbuf} if $o{rcvbuf};
    IO::Socket::SSL->start_SSL($socket, SSL_verify_mode => 0, SSL_alpn_protocols => ['h2'])
        or croak "no TLS: $IO::Socket::SSL::SSL_ERROR" if $o{tls};
    binmode $socket;
    my $self = bless {socket => $socket, buffer => '', next => 1, streams => {}, tls => $o{tls}}, $class;
    my @settings = @{$o{settings} // []};
    my $settings = '';
    while (my ($id, $value) = splice @settings, 0, 2) { $settings .= pack 'nN', $id, $value }
    return $self->put("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(SETTINGS, 0, 0, $settings));
}

# -- bytes of frames and headers --

sub frame ($type, $flags, $stream, $payload = '') {
    return pack('NCCN', length($payload), $type, $flags, $stream) =~ s/^.//sr . $payload;
}

sub hpack_integer ($first, $bits, $value) {
    my $max = (1 << $bits) - 1;
    return chr($first | $value) if $value < $max;
    my $bytes = chr($first | $max);
    for ($value -= $max; $value >= 128; $value >>= 7) { $bytes .= chr($value & 127 | 128) }
    return $bytes . chr $value;
}

sub hpack_string ($text) { hpack_integer(0, 7, length $text) . $text }

# pairs of names and values, none of them indexed
sub block (@headers) {
    my $bytes = '';
    while (my ($name, $value) = splice @headers, 0, 2) { $bytes .= "\0" . hpack_string($name) . hpack_string($value) }
    return $bytes;
}

# the four that a request must have, with others in their places
sub pseudo (%change) {
    my %all = (':method' => 'GET', ':scheme' => 'http', ':authority' => 'localhost', ':path' => '/healthz', %change);
    return map { $_ => $all{$_} } grep { defined $all{$_} } qw(:method :scheme :authority :path);
}

# -- sending --

# false when the server has hung up
sub put ($self, $bytes) {
    local $SIG{PIPE} = 'IGNORE';
    my $deadline = time + Chatterbox::limit(20);
    while (length $bytes && time < $deadline) {
        my $n = syswrite $self->{socket}, $bytes, 16384;
        if (defined $n) { substr $bytes, 0, $n, '' }
        else            { $self->{hung_up} = 1; last }
    }
    return $self;
}

sub send ($self, @frame) { $self->put(frame(@frame)) }

sub open_stream ($self) { my $id = $self->{next}; $self->{next} += 2; return $id }

# a request whose header block is these bytes; returns its stream
sub raw_request ($self, $block, $flags = END_STREAM | END_HEADERS) {
    my $id = $self->open_stream;
    $self->send(HEADERS, $flags, $id, $block);
    return $id;
}

sub request ($self, @headers) { $self->raw_request(block(@headers)) }
sub get     ($self, $path, @headers) { $self->request(pseudo(':path' => $path), @headers) }

# a request with a body, in frames of 16 kB
sub post ($self, $path, $body, @headers) {
    my $id = $self->raw_request(block(pseudo(':method' => 'POST', ':path' => $path), @headers), END_HEADERS);
    my @pieces = length $body ? unpack '(a16384)*', $body : ('');
    $self->send(DATA, @pieces ? 0 : END_STREAM, $id, $_) while defined($_ = shift @pieces);
    return $id;
}

# -- reading --

# the next frame {type, flags, stream, payload}; undef at the end of the connection
sub read_frame ($self, $seconds = 10) {
    my $head = $self->take(9, $seconds) // return undef;
    my ($high, $low, $type, $flags, $stream) = unpack 'CnCCN', $head;
    my $payload = $self->take($high << 16 | $low, $seconds) // return undef;
    return {type => $type, flags => $flags, stream => $stream, payload => $payload};
}

sub learn ($self, $frame) {
    my $stream = $self->{streams}{$frame->{stream}} //= {status => undef, body => '', reset => undef, done => 0};
    $stream->{status} //= status($frame->{payload}) if $frame->{type} == HEADERS;
    $stream->{body} .= $frame->{payload} if $frame->{type} == DATA;
    $stream->{reset} = unpack 'N', $frame->{payload} if $frame->{type} == RST_STREAM;
    $stream->{done}  = 1 if $frame->{type} == RST_STREAM || $frame->{type} <= HEADERS && $frame->{flags} & END_STREAM;
    $self->{goaway}  = unpack 'x4N', $frame->{payload} if $frame->{type} == GOAWAY;
    return $self;
}

# :status comes first: one of the static table (RFC 7541 appendix A), or three digits
sub status ($block) {
    my %static = map { 0x80 + 8 + $_ => (200, 204, 206, 304, 400, 404, 500)[$_] } 0 .. 6;
    return $static{ord $block} // ($block =~ /^[\x08\x48]\x03(\d{3})/ ? $1 : croak 'not a status: ' . unpack 'H20', $block);
}

# how a stream ended: {status, body, reset}; undef where the connection ended before (see `goaway`)
sub answer ($self, $id, $seconds = 10) {
    until ($self->{streams}{$id} && $self->{streams}{$id}{done}) {
        my $frame = $self->read_frame($seconds) // return undef;
        $self->learn($frame);
    }
    return $self->{streams}{$id};
}

# in a word: 'status 200', 'reset 1', 'goaway 9', 'closed'
sub fate ($self, $id, $seconds = 10) {
    my $answer = $self->answer($id, $seconds);
    return defined $self->{goaway} ? "goaway $self->{goaway}" : 'closed' unless $answer;
    return defined $answer->{status} ? "status $answer->{status}" : "reset $answer->{reset}";
}

# reads to the end of the connection; true when it came in time
sub ended ($self, $seconds = 10) {
    while (my $frame = eval { $self->read_frame($seconds) }) { $self->learn($frame) }
    return !!$self->{eof};
}

sub goaway ($self) { $self->{goaway} }

sub take ($self, $length, $seconds) {
    my $deadline = time + Chatterbox::limit($seconds);
    while (length $self->{buffer} < $length) {
        return undef if $self->{eof};
        my $left = $deadline - time;
        croak 'gave up waiting for the server' if $left <= 0;
        next unless $self->{tls} && $self->{socket}->pending || IO::Select->new($self->{socket})->can_read($left);
        my $n = sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer};
        $self->{eof} = 1 unless $n;
    }
    return substr $self->{buffer}, 0, $length, '';
}

1;
