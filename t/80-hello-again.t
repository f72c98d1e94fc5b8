# Each hello is answered with whole histories, compressed for whoever wants that, and nothing counted how often one says it: a hundred
# connections of one guest, with some 50 KB/s of hellos, kept a worker busy, and others waited 200 ms for a pong.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Mojo::JSON qw(decode_json);

my $server = Chatterbox->start('chatterbox.rate' => 10);
my $eve    = $server->guest('eve');
my @raw    = map { Chatterbox::Raw->join($server, $eve) } 1 .. 30;
is @raw, 30, 'who comes by thirty connections is welcome on each';

# says hello again, and returns the error, or nothing
sub again ($raw) {
    $raw->json({type => 'hello'});
    while (my $frame = $raw->read_frame(limit(10))) {
        next unless $frame->{op} == Chatterbox::Raw::TEXT;
        my $answer = decode_json $frame->{payload};
        return $answer if $answer->{type} eq 'error';
        return if $answer->{type} eq 'history';
    }
    die 'no answer';
}

my ($refused) = grep {defined} map { again($_) } @raw, @raw, @raw;
is $refused->{code}, 'rate_limited', 'hello again and again is refused';
ok $refused->{retry_after} > 0, '... and told to wait';
wait_until 'after that it is answered', sub { !again($raw[0]) };
ok $_->ack($_->say('hi')), 'others are not held up' for $server->connect('ada');
$server->stop;
done_testing;
