# Many hellos in one segment: each was answered with a whole history, which nothing bounded.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Mojo::JSON qw(decode_json encode_json);

my $server = Chatterbox->start;
my $ada    = $server->connect('ada');
$ada->ack($_) for map { $ada->say('x' x 16000, wait => 0) } 1 .. 50;

my $raw   = Chatterbox::Raw->open($server);
my $hello = encode_json {type => 'hello', token => $ada->token};
$raw->frame(1, $hello) for 1 .. 100;
my %seen;
while (($seen{history} // 0) + ($seen{error} // 0) < 100) {
    my $frame = $raw->read_frame(limit(10)) or last;
    next unless $frame->{op} == 1;
    my $message = decode_json $frame->{payload};
    ++$seen{$message->{type}};
    is $message->{code}, 'rate_limited', 'one at a time' if $message->{type} eq 'error' && $seen{error} == 1;
}
ok $seen{history} >= 1 && $seen{history} <= 10, "$seen{history} of 100 were answered, the others asked to wait";
is $seen{history} + $seen{error}, 100, 'none went without an answer';
$server->stop;
done_testing;
