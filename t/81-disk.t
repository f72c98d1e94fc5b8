# Bad disks: full, read-only, slow, broken, gone, replaced, locked, garbled. Each is a clear line in the log and a 503 of
# readyz; who reads, reads on; writing goes on by itself when it can. What was acknowledged is there, and what was refused
# is not, or is told when it is said again.
use v5.36;

# A file system of our own wants mounts of our own, which go with the process.
BEGIN {
    if (!defined $ENV{CHATTERBOX_MOUNTS}) {
        $ENV{CHATTERBOX_MOUNTS} = system('unshare -m true 2>/dev/null') == 0 ? 1 : 0;
        exec 'unshare', '-m', $^X, (map {"-I$_"} @INC), $0 if $ENV{CHATTERBOX_MOUNTS};
    }
}
use Test::More;
use Chatterbox;
use DBI;
use Errno qw(EIO ENOSPC EROFS);
use File::Copy qw(copy);
use File::Temp;
use Time::HiRes qw(time);

my $rules = File::Temp->new;    # of the disk's faults, see t/faults/disk.c

sub break_disk (@rules) {
    open my $out, '>', "$rules.new" or die $!;
    print $out map {"$_\n"} @rules;
    close $out;
    rename "$rules.new", "$rules" or die $!;
}
sub mend_disk { break_disk() }

sub is_ready ($server) { $server->get('/readyz')->code == 200 }
sub messages ($server) { $server->db->selectcol_arrayref('SELECT message FROM messages ORDER BY id') }

# Two people at a server whose disk `$breaks` breaks, and `$mends` mends, which may be called with it. Before, during and
# after: what is acknowledged, and nothing else, is there.
sub survives ($server, $reason, $breaks, $mends) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    state $again = 0;
    my ($ada, $bob) = map { $server->connect($_) } 'ada' . ++$again, "bob$again";
    my @said = @{messages($server)};
    $ada->ack($ada->say($_)), push @said, $_ for 'before';
    my $log_before = length $server->log;
    $breaks->($server);
    my %lost = map { $_->name => $_->say('lost by ' . $_->name, wait => 0) } $ada, $bob;
    is $_->error($lost{$_->name})->{code}, 'storage_unavailable', 'a message is refused' for $ada, $bob;
    is_problem $server->get('/readyz'), 503, 'storage_unavailable', 'readyz';
    is $server->get('/healthz')->code, 200, 'it is alive';
    is $bob->error($bob->say('lost, too'))->{code}, 'storage_unavailable', 'it stays so';
    is_deeply [map { $_->{text} } @{$ada->history}], \@said, 'the history is read';
    ok $server->bearer($ada->name, $ada->token)->join->leave, '... and somebody comes back to read';
    like substr($server->log, $log_before), qr/event=storage_failed what=\S+ code=\d+ reason=$reason/, 'the log says why';
    $mends->($server);
    wait_until 'it can write again', sub { is_ready($server) }, 15;
    push @said, 'after', 'lost by ' . $ada->name;
    $bob->ack($bob->say('after'));
    $ada->say('lost by ' . $ada->name, cid => $lost{$ada->name});
    ok !$ada->ack($lost{$ada->name})->{dup}, 'what was refused is new when it is said again';
    $_->reaches($ada->rev) for $bob;
    is_deeply messages($server), \@said, 'what was acknowledged is there, and what was refused is not';
    for my $who ($ada, $bob) {
        is_deeply $who->wrong, [], $who->name . ' saw no promise broken';
        is_deeply $who->transcript, $server->transcript, '... and believes what is there';
    }
    my @told = substr($server->log, $log_before) =~ /event=storage_failed/g;
    ok @told <= 6, 'the log is no flood: ' . @told;
    is $server->db->selectrow_array('PRAGMA integrity_check'), 'ok', 'the database is sound';
    $_->leave for $ada, $bob;
}

my $broken = Chatterbox->start(-preload => [disk => (CHATTERBOX_DISK_FAULTS => "$rules")], 'chatterbox.outbound-limit' => 1 << 26);
my @faults = (
    ['full',                             qr/"database or disk is full"/, "write chat.db-wal ${\ ENOSPC}"],
    ['read-only',                        qr/"disk I\/O error"/,          "write chat.db-wal ${\ EROFS}"],
    ['broken where one writes',          qr/"disk I\/O error"/,          "write chat.db-wal ${\ EIO}"],
    ['broken where it is to be durable', qr/"disk I\/O error"/,          "sync chat.db-wal ${\ EIO}"]
);
for my $fault (@faults) {
    my ($name, $reason, $rule) = @$fault;
    story "a disk that is $name" => sub {
        survives($broken, $reason, sub { break_disk($rule) }, sub { mend_disk() });
    };
}

story 'a disk that takes seconds for a sync' => sub {
    my ($ada, $bob) = map { $broken->connect($_) } qw(slow quick);
    my $seconds = 2;
    break_disk('sync chat.db-wal +' . 1000 * $seconds);
    my $start = time;
    my $cid   = $ada->say('slowly', wait => 0);
    my $page  = $bob->get('/api/rooms/1/messages?limit=5');
    ok $page->code == 200 && time - $start < 1, 'who reads does not wait';
    ok $ada->ack($cid) && time - $start >= $seconds, 'the answer comes when it is durable, and not before';
    mend_disk();
    ok is_ready($broken), 'slow is not broken';
    $bob->reaches($ada->rev);
    is_deeply $bob->transcript, $broken->transcript, 'everybody heard';
};

story 'a checkpoint that fails' => sub {
    my $ada = $broken->connect('pat');
    break_disk("write chat.db ${\ ENOSPC}", "sync chat.db ${\ EIO}");
    my @cids = map { $ada->say('x' x 16000, wait => 0) } 1 .. 500;    # 8 MB
    $ada->ack($_) for @cids;
    wait_until 'the log of the server says so', sub { $broken->log =~ /what=checkpoint/ };
    ok is_ready($broken), 'what is in the log is durable: nobody needs to know';
    mend_disk();
    $ada->ack($ada->say('on we go'));
    $broken->kill9->launch;
    is_deeply $ada->transcript, $broken->transcript, 'nothing is lost';
    is $broken->db->selectrow_array('PRAGMA integrity_check'), 'ok', 'the database is sound';
};
story 'a checkpoint that takes seconds' => sub {
    my $ada = $broken->connect('cho');
    my ($seconds, $slowest) = (3, 0);
    break_disk('sync /chat.db +' . 1000 * $seconds);
    for (1 .. 30) {
        my $start = time;
        my @cids = map { $ada->say('y' x 16000, wait => 0) } 1 .. 30;    # 15 MB in all
        $ada->ack($_) for @cids;
        $slowest = time - $start if $slowest < time - $start;
    }
    wait_until 'one begins', sub { -s $broken->database > 5 << 20 };
    ok $slowest < $seconds, sprintf 'nobody who writes waits for it: %.2f s at most', $slowest;
    mend_disk();
    $ada->ack($ada->say('on we go'));
};
$broken->stop;

story 'a file system that is full' => sub {
    plan skip_all => 'no mounts are allowed here' unless $ENV{CHATTERBOX_MOUNTS};
    my $small = File::Temp->newdir;
    system('mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', $small) == 0 or plan skip_all => 'mount was refused';
    my $server = Chatterbox->start('chatterbox.database' => "$small/chat.db");
    survives($server, qr/"database or disk is full"/, sub { fill("$small/ballast") }, sub { unlink "$small/ballast" });
    $server->stop;
    system 'umount', $small;
};

sub fill ($path) {
    open my $out, '>', $path or die $!;
    1 while syswrite $out, 'x' x 4096;
}

story 'a file that is removed, and put back' => sub {
    my $server = Chatterbox->start;
    my $file   = $server->database;
    survives($server, qr/"the database or its log was removed or replaced.*"/,
        sub { rename $file, "$file.aside" or die }, sub { rename "$file.aside", $file or die });
    survives($server, qr/"the database or its log was removed or replaced.*"/,
        sub { rename "$file-wal", "$file-aside" or die }, sub { rename "$file-aside", "$file-wal" or die });
    $server->stop;
};

story 'a log that is removed for good' => sub {
    my $server = Chatterbox->start;
    my $ada    = $server->connect('ada');
    $ada->ack($ada->say('only the log has it'));
    unlink $server->database . '-wal' or die $!;
    is $ada->error($ada->say('lost'))->{code}, 'storage_unavailable', 'nothing more is acknowledged';
    $server->stop->launch;
    is_deeply messages($server), ['only the log has it'], 'a restart saves what was';
    $server->stop;
};

story 'a file that is replaced by another' => sub {
    my ($server, $other) = map { Chatterbox->start } 1, 2;
    my $ada = $server->connect('ada');
    $ada->ack($ada->say('ours'));
    my $eve = $other->connect('eve');
    $eve->ack($eve->say('theirs'));
    my $file = $server->database;
    $other->kill9;    # so that its log is there, too, and full
    rename $other->database . $_, "$file$_" or die "$_: $!" for '', '-wal';
    my $size = -s "$file-wal";
    is $ada->error($ada->say('into the void'))->{code}, 'storage_unavailable', 'nothing is acknowledged';
    is_problem $server->get('/readyz'), 503, 'storage_unavailable', 'readyz';
    is_deeply [map { $_->{text} } @{$ada->history}], ['ours'], 'who reads, reads what is ours' for 1 .. 8;
    like $server->log, qr/removed or replaced: put it back, or restart/, 'the log says what to do';
    $server->stop;
    is -s "$file-wal", $size, 'the log of the other is left alone';
    my $db = DBI->connect("dbi:SQLite:dbname=$file", '', '', {RaiseError => 1});
    is_deeply $db->selectcol_arrayref('SELECT message FROM messages'), ['theirs'], '... with what is in it';
    $db->disconnect;
};

# writes garbage over a page of the file, from 0
sub garble ($file, $page) {
    open my $out, '+<', $file or die $!;
    seek $out, $page * 4096, 0;
    print $out join '', map { chr(rand 256) } 1 .. 4096;
    close $out;
}

story 'a database that is garbled' => sub {
    my $seed   = srand;
    my $server = Chatterbox->start;
    my $ada    = $server->connect('ada');
    $ada->ack($_) for map { $ada->say("$_ " . 'x' x 1000, wait => 0) } 1 .. 400;
    my $page = $server->db->selectrow_array('SELECT max(pageno) FROM dbstat WHERE name = ? AND pagetype = ?', undef, 'messages', 'leaf')
        // die 'no dbstat';
    $server->stop;
    copy($server->database, $server->database . '.good') or die $!;
    garble($server->database, $page / 2);
    $server->launch;
    my $bob   = $server->guest('bob');
    my %codes;
    $codes{$bob->get("/api/rooms/1/messages?limit=5&before=$_")->code}++ for map { $_ * 5 } 1 .. 81;
    ok $codes{503} && $codes{200} && keys %codes == 2, "a page in the middle: what is there is read, what is not is 503 (seed $seed)";
    like $server->log, qr/event=storage_failed .*reason="database disk image is malformed"/, 'the log says why';
    ok((() = $server->log =~ /storage_failed/g) <= 8, '... once, and not for each request');
    is $server->get('/healthz')->code, 200, 'it lives';
    $server->stop;
    rename $server->database . '.good', $server->database or die $!;
    garble($server->database, 0);
    my $said = qx{${\ Chatterbox->binary} -c ${\ $server->config_file} 2>&1};
    is $? >> 8, 1, 'one whose first page is garbage does not start';
    like $said, qr/chatterbox.yaml:\d+\] .*chat\.db(?:: file is not a database| is no database of Chatterbox)/, '... and says why, in a line';
};

done_testing;
