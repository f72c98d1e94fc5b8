# Another program held a lock on the database: each command of a batch waited for it by itself, twenty of them for 20 s.
use v5.36;
use Test::More;
use Chatterbox;
use DBI;
use Time::HiRes qw(time);

my $server = Chatterbox->start;
my ($ann, $ben) = map { $server->connect($_) } qw(ann ben);
my $lock = DBI->connect('dbi:SQLite:dbname=' . $server->database, '', '', {RaiseError => 1});
$lock->do('BEGIN IMMEDIATE');
my $start = time;
my @cids  = map { $ann->say("m$_", wait => 0) } 1 .. 20;
is $ann->error($_)->{code}, 'storage_unavailable', 'refused' for @cids;
ok time - $start < limit(5), sprintf 'twenty were refused within %.1f s', time - $start;
is $server->get('/readyz')->code, 503, 'and readyz says so';
ok $server->bearer('ben', $ben->token)->join, 'who only reads is let in';
$lock->rollback;
$lock->disconnect;
wait_until 'it can write again', sub { $server->get('/readyz')->code == 200 }, limit(10);
ok $ann->ack($ann->say('and again')), 'writing goes on by itself';
$server->stop;
done_testing;
