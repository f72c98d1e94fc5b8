# A guest who logged out and came again under the same name within the grace was announced offline while there.
use v5.36;
use Test::More;
use Chatterbox;
use Time::HiRes qw(time);

my $server  = Chatterbox->start;
my $watcher = $server->connect('watcher');
my $bob     = $server->connect('bob');
$bob->post('/api/logout');
my $again = $server->connect('bob');
my $until = time + 7;    # longer than the grace
$watcher->until(sub { time > $until }, limit(10));
is scalar(grep { grep { $_ eq 'bob' } @{$_->{offline} // []} } $watcher->frames('presence')), 0, 'nobody is told that bob went';
is_deeply [sort @{$server->connect('x')->welcome->{online}}], [qw(bob watcher x)], 'who comes later sees him, once';
$server->stop;
done_testing;
