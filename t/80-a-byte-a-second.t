# Who read a little of a long answer now and then was never cut, however little that was, and the answer was held for hours. Now
# it takes 1,000 bytes a second, over write-timeout, of what waits for the socket and of what waits for the windows of HTTP/2.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::HTTP2;
use IO::Handle;
use Socket;
use Time::HiRes qw(time);

my $server = Chatterbox->start('chatterbox.write-timeout' => 4, 'http1-upgrade-to-http2' => 'ON');
my $ada    = $server->guest('ada');
$ada->post('/api/rooms/1/messages', {text => 'x' x 16_000}) for 1 .. 200;
my $path = '/api/rooms/1/messages?limit=200';
my @auth = (authorization => 'Bearer ' . $ada->token);

# `$bytes` are taken each half second by `$take`, until that says that there are no more
sub reader ($name, $bytes, $take) { {name => $name, bytes => $bytes, take => $take, due => time, all => 0} }

# what there is, or undef at the end
sub taken ($socket, $n) {
    my $some;
    my $got = sysread $socket, $some, $n;
    return $got || ($!{EAGAIN} && !defined $got ? 0 : undef);
}

sub over_http1 ($name, $bytes) {
    socket my $socket, PF_INET, SOCK_STREAM, 0 or die "no socket: $!";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 2048;    # what the kernel has taken is acknowledged
    connect $socket, sockaddr_in($server->port, INADDR_LOOPBACK) or die "no connection: $!";
    $socket->blocking(0);
    syswrite $socket, "GET $path HTTP/1.1\r\nHost: x\r\nAuthorization: $auth[1]\r\n\r\n" x 4;    # more than the kernel keeps
    return reader($name, $bytes, sub ($n) { taken($socket, $n) });
}

sub over_http2 ($name, $bytes) {
    my $h2 = Chatterbox::HTTP2->new($server, settings => [4 => 0]);
    my $id = $h2->get($path, @auth);
    $h2->{socket}->blocking(0);
    return reader($name, $bytes, sub ($n) {
        $h2->send(Chatterbox::HTTP2::WINDOW_UPDATE, 0, $_, pack 'N', $n) for 0, $id;
        return taken($h2->{socket}, 65536);
    });
}

my @readers = (
    over_http1('HTTP/1, 500 bytes a second', 250), over_http1('HTTP/1, 10 kB a second', 5000),
    over_http2('HTTP/2, 500 bytes a second', 250), over_http2('HTTP/2, 10 kB a second', 5000)
);
my ($slow1, $fast1, $slow2, $fast2) = @readers;
my $start = time;
wait_until 'the slow ones are cut', sub {
    for my $one (grep { !$_->{ended} && time >= $_->{due} } @readers) {
        my $got = $one->{take}->($one->{bytes});
        $one->{ended} = time - $start unless defined $got;
        $one->{all} += $got // 0;
        $one->{due}  = time + 0.5;
    }
    return $slow1->{ended} && $slow2->{ended};
}, 20;
ok $_->{ended} > 3.5, sprintf '%s: it ends after %.1f s, and %d bytes', $_->{name}, $_->{ended}, $_->{all} for $slow1, $slow2;
ok !$_->{ended} && $_->{all} > 10_000, "$_->{name}: it goes on, after $_->{all} bytes" for $fast1, $fast2;
is scalar(() = $server->log =~ /event=connection-cut reason="it does not read"/g), 2, 'the log says so';
$server->stop;
done_testing;
