# A close frame, a broken one and a ping that came while a write was under way were not answered.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;

my $server = Chatterbox->start;
my ($ada, $bob) = ($server->guest('ada'), $server->connect('bob'));

# the control frame that comes after about 900 kB that were not read in time
sub answer ($raw) {
    while (my $frame = $raw->read_frame(limit(10))) {
        return $frame if $frame->{op} >= 8;
    }
}

for my $case (['close', 8, pack('n', 1000), 8, 1000], ['broken', 3, 'x', 8, 1002], ['ping', 9, 'hello', 10, undef]) {
    my ($what, $op, $payload, $answer, $code) = @$case;
    my $raw = Chatterbox::Raw->join($server, $ada);
    $bob->say('y' x 16000) for 1 .. 56;
    $raw->frame($op, $payload);
    my $frame = answer($raw);
    is $frame->{op}, $answer, "$what is answered";
    is unpack('n', $frame->{payload}), $code, '... with the fitting code' if $code;
    is $frame->{payload}, 'hello', '... with what it carried' unless $code;
}
$server->stop;
done_testing;
