# Another program held a lock on the database, and nobody wrote: what the core writes by itself (when guests were here)
# waited for the lock every 5 s anew, for 1 to 2 s with everybody behind it, and readyz never said so.
use v5.36;
use Test::More;
use Chatterbox;
use DBI;

my $server = Chatterbox->start;
my ($guest, $ben) = map { $server->connect($_) } qw(guest ben);
$guest->leave;    # when they were here is to be written
my $lock = DBI->connect('dbi:SQLite:dbname=' . $server->database, '', '', {RaiseError => 1});
$lock->do('BEGIN IMMEDIATE');
wait_until 'readyz says that it cannot write', sub { $server->get('/readyz')->code == 503 }, limit(12);
is $ben->get('/api/rooms')->code, 200, 'who reads, reads on';
$lock->rollback;
$lock->disconnect;
wait_until 'it can write again', sub { $server->get('/readyz')->code == 200 }, limit(10);
ok $ben->ack($ben->say('and again')), 'writing goes on by itself';
is scalar(() = $server->log =~ /event=storage-failed/g), 1, 'it was seen once';

# the end: nobody tries any more when the database is let go of
$server->connect('another')->leave;
$lock = DBI->connect('dbi:SQLite:dbname=' . $server->database, '', '', {RaiseError => 1});
$lock->do('BEGIN IMMEDIATE');
$server->stop;
$lock->disconnect;
done_testing;
