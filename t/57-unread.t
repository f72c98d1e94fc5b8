# What is unread is exact however much it is, and however it changes while a reader counts.
use v5.36;
use Test::More;
use Chatterbox;
use DBI;

my $MANY = 60_000;    # far beyond what the core counts by itself (src/chat/unread.c)

my $server = Chatterbox->start('num-threads' => 2, 'chatterbox.rate' => 0);
my $ada    = $server->account('ada');
my $bob    = $server->account('bob');
my $eve    = $server->account('eve');
$server->stop;

# so many messages by ada, written into the file as the server would have
sub fill ($from, $to) {
    my $db = DBI->connect('dbi:SQLite:dbname=' . $server->database, '', '', {RaiseError => 1, AutoCommit => 0});
    my $insert = $db->prepare('INSERT INTO messages (username, message, timestamp, date, edited, room_id, user_id, rev, cid, deleted)'
        . " VALUES ('ada', ?, 1790000000000, '2026-09-21', 0, 1, ?, ?, ?, 0)");
    $insert->execute("m$_", $ada->user->{id}, $_, "fill-$_") for $from .. $to;
    $db->do('UPDATE rooms SET rev = ? WHERE id = 1', undef, $to);
    $db->commit;
    $db->disconnect;
}

sub general ($rooms) { (grep { $_->{id} == 1 } @$rooms)[0] }
sub listed  ($who)   { general($who->get('/api/rooms')->json->{rooms})->{unread} }

fill(1, $MANY);
$server->launch;

story 'far behind' => sub {
    is listed($bob), $MANY, 'all of them, by GET /api/rooms';
    is general($bob->join->welcome->{rooms})->{unread}, $MANY, '... and in the welcome';
    is listed($ada), 0, 'her own do not count';
};

story 'what changes afterwards' => sub {
    $ada->join;
    my @acks = map { $ada->ack($ada->say("new $_")) } 1 .. 3;
    is listed($bob), $MANY + 3, 'new ones count';
    $ada->ack($ada->delete($acks[0]{id}));
    $ada->ack($ada->delete(1));
    $ada->ack($ada->edit(2, 'another text'));
    is listed($bob), $MANY + 1, 'deleted ones do not, edited ones still do';
    $bob->ack($bob->say('mine'));
    is listed($bob), $MANY + 1, 'nor does one\'s own';
    $bob->send({type => 'read', room => 1, id => 100});
    $bob->next_frame(type => 'read', id => 100);
    is listed($bob), $MANY + 2 - 100, 'nor what was read: the mark moves, and it is counted again';
    $bob->send({type => 'read', room => 1, id => $MANY});
    $bob->next_frame(type => 'read', id => $MANY);
    is listed($bob), 2, '... down to what came last';
};

story 'counted while others talk' => sub {
    $eve->join;
    my ($all, $from, @waiting, @seen, @wrong) = (listed($eve), $eve->rev);
    my $heard = sub ($type, $upto) { scalar grep { $_->{rev} > $from && $_->{rev} <= $upto } $ada->frames($type) };
    for my $round (1 .. 20) {
        push @waiting, $ada->say("round $round", wait => 0), $ada->delete($MANY - $round, wait => 0);
        $eve->send({type => 'read', room => 1, id => $round});    # what was counted before is worth nothing now
        $eve->next_frame(type => 'read', id => $round);
        push @seen, [$round, general($eve->twin->welcome->{rooms})];
    }
    $ada->settled($_) for @waiting;
    for my $seen (@seen) {    # message 1 was deleted above
        my ($mark, $room) = @$seen;
        my $unread = $all - ($mark - 1) + $heard->(message => $room->{rev}) - $heard->(delete => $room->{rev});
        push @wrong, "at rev $room->{rev}: $room->{unread}, not $unread" if $unread != $room->{unread};
    }
    is_deeply \@wrong, [], 'each welcome has the number that fits its rev';
};

$server->stop;
done_testing;
