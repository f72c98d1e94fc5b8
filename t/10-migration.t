# The chat.db of the original program, which had one table of six columns: opened, migrated into room 1, nothing lost.
use v5.36;
use Test::More;
use Chatterbox;
use DBI;

my @rows = (
    # id, username, message, timestamp, date, edited
    [1,  'ada',         'hello',                          '09:15:02', '2019-03-01', 0],
    [2,  'bob',         "two\nlines and \x{1f600}",       '09:15:40', '2019-03-01', 0],
    [3,  'ada',         'edited later',                   '23:59:59', '2019-12-31', 1],
    [7,  "Zo\x{eb} M.", "a name that is none of ours now", '00:00:00', '2020-02-29', 0],
    [8,  'ADA',         "'; DROP TABLE messages; --",     '12:00:00', '2020-03-01', 0],
    [9,  'eve',         '',                               '12:00:01', '2020-03-01', 0],
    [10, 'eve',         'x' x 40_000,                     '12:00:02', '2020-03-01', 0],
    [11, 'eve',         'odd times',                      '',         '',           0],
    [12, undef,         undef,                            undef,      undef,        undef],
    (map { [$_, 'bob', "message $_", '12:34:56', '2020-03-02', 0] } 20 .. 400)
);

sub make ($server) {
    my $db = DBI->connect('dbi:SQLite:dbname=' . $server->database, '', '', {RaiseError => 1, sqlite_unicode => 1});
    $db->do('CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT, message TEXT, timestamp TEXT, '
            . 'date TEXT, edited INTEGER DEFAULT 0)');
    $db->begin_work;
    $db->do('INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)', undef, @$_) for @rows;
    $db->commit;
    $db->disconnect;
}

my $server = Chatterbox->start(-prepare => \&make);

story 'every row is served' => sub {
    my $history = $server->guest('reader')->history;
    is_deeply [map { $_->{id} } @$history], [map { $_->[0] } @rows], 'every id, in order, none added';
    is_deeply [map { $_->{text} // '' } @$history], [map { $_->[2] // '' } @rows], 'every text';
    is_deeply [map { $_->{username} // '' } @$history[0 .. 7]], [map { $_->[1] } @rows[0 .. 7]], 'every name';
    is scalar(grep { $_->{room} != 1 } @$history), 0, 'all in room 1';
    is_deeply [map { $_->{edited} ? 1 : 0 } @$history[0 .. 3]], [0, 0, 1, 0], 'what was edited, still is';
    is scalar(grep { $_->{deleted} } @$history), 0, 'nothing is deleted';
    is scalar(grep { ($_->{timestamp} // '') !~ /^\d+$/ } @$history), 0, 'each has a time in ms';
    my @revs = map { $_->{rev} } @$history;
    is_deeply \@revs, [sort { $a <=> $b } @revs], 'revs go up with the ids';
    is_deeply [map { $_->[0] }
            @{$server->db->selectall_arrayref('SELECT message FROM messages WHERE id IN (1, 400) ORDER BY id')}],
        ['hello', 'message 400'], 'the columns of old are where they were';
};

story 'the times of old are kept' => sub {
    my ($first) = @{$server->guest('clock')->history};
    my $day = 86_400_000;
    ok abs($first->{timestamp} - 1551431702000) <= $day, '2019-03-01 09:15:02, give or take a time zone' or diag $first->{timestamp};
};

story 'the old file was kept' => sub {
    my @backups = glob $server->database . '*.bak';
    is scalar @backups, 1, 'a backup' or diag "@backups";
    my $old = DBI->connect("dbi:SQLite:dbname=$backups[0]", '', '', {RaiseError => 1});
    is $old->selectrow_array('SELECT count(*) FROM messages'), scalar @rows, '... with every row';
    is scalar @{$old->selectall_arrayref('PRAGMA table_info(messages)')}, 6, '... of six columns';
    is_deeply $old->selectcol_arrayref("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"), ['messages'],
        '... and nothing else';
};

story 'life goes on' => sub {
    my $new = $server->connect('newcomer');
    my $ack = $new->ack($new->say('and a new one'));
    ok $ack->{id} > 400, 'new ids come after the old ones';
    is $new->error($new->edit(1, 'mine now'))->{code}, 'forbidden', 'what is old is nobody\'s';
    my $ada = $server->connect('ada');
    is $ada->error($ada->edit(1, 'mine now'))->{code},  'forbidden', '... not of who takes the name, either';
    is $ada->error($ada->delete(1))->{code}, 'forbidden', '... not to delete';
    my $before = $ada->history;
    $server->restart;
    is_deeply $server->guest('other')->history, $before, 'the second start migrates nothing';
    my @backups = glob $server->database . '*.bak';
    is scalar @backups, 1, '... and makes no further backup';
};

$server->stop;
done_testing;
