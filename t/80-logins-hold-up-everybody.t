# Passwords that wait to be looked at filled the pool's queue: nobody could read, and the end took three quarters of a minute.
use v5.36;
use Test::More;
use Chatterbox;
use IO::Socket::INET;
use Time::HiRes qw(time);

my $server = Chatterbox->start('chatterbox.trusted-proxies' => '127.0.0.1');    # each stranger has an address and a name
my $ada    = $server->guest('ada');
my @strangers;
for my $i (1 .. 300) {
    my $body = qq({"username":"nobody$i","password":"xxxxxxxxxx"});
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port) or die $!;
    print $sock "POST /api/login HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.@{[$i >> 8]}.@{[$i & 255]}\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
    push @strangers, $sock;
}
is $ada->get('/api/me')->code, 200, 'who reads is not refused';
my $start = time;
is $ada->get('/api/rooms/1/messages')->code, 200, '... nor kept waiting';
ok time - $start < limit(3), sprintf '... for more than %.1f s', time - $start;
close $_ for splice @strangers;
$start = time;
$server->term;
wait_until 'the server has ended', sub { $server->exited }, limit(12);
ok time - $start < limit(10), sprintf 'the end took %.1f s', time - $start;
$server->stop;
done_testing;
