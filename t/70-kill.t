# kill -9 in full flow, ten times: what was acknowledged is there, once and in order, and clients come back by `since`.
use v5.36;
use Test::More;
use Chatterbox;

my $rounds  = 10;
my $window  = 25;    # messages of each sender that may wait for their ack
my $server  = Chatterbox->start;
my @senders = map { $server->connect("sender$_") } 1 .. 4;
my $witness = $server->connect('witness');
my %said;            # name -> cids, in the order they were first said
my %text;            # cid -> what was said
my %acked;           # cid -> the id of its first ack

# what each sender has said, but not had acknowledged yet, oldest first
sub waiting ($who) { grep { !$who->answered($_) } @{$said{$who->name}}[($who->{settled} // 0) .. $#{$said{$who->name} // []}] }

sub speak ($who) {
    my $text = $who->name . ' ' . ++$who->{count};
    my $cid  = $who->say($text, wait => 0);
    push @{$said{$who->name}}, $cid;
    $text{$cid} = $text;
}

sub note_acks {
    for my $who (@senders) {
        my $cids = $said{$who->name} //= [];
        while (($who->{settled} // 0) < @$cids) {
            my $answer = $who->answered($cids->[$who->{settled} // 0]) or last;
            return fail 'refused: ' . $answer->{code} if $answer->{type} ne 'ack';
            $acked{$answer->{cid}} //= $answer->{id};
            fail "$answer->{cid} was id $acked{$answer->{cid}} and is $answer->{id}" if $acked{$answer->{cid}} != $answer->{id};
            $who->{settled}++;
        }
    }
}

sub talk_until_killed ($goal) {
    my $before = keys %acked;
    my $pump = Mojo::IOLoop->recurring(
        0.001 => sub {
            for my $who (grep { $_->is_open } @senders) {
                my $open = waiting($who);
                speak($who) for $open + 1 .. $window;
            }
        }
    );
    wait_until "$goal acks", sub { note_acks(); keys %acked >= $before + $goal }, 30;
    $server->kill9;
    Mojo::IOLoop->remove($pump);
    wait_until 'everybody notices', sub { !grep { $_->is_open } @senders, $witness };
    note_acks();    # those that were on their way
}

# the messages of the database: [id, rev, cid]; they must be in order, and none may be missing or be there twice
sub check_database {
    my $rows = $server->db->selectall_arrayref('SELECT id, rev, cid, message FROM messages WHERE room_id = 1 ORDER BY id');
    my %times;
    $times{$_->[2]}++ for @$rows;
    is scalar(grep { !$times{$_} } keys %acked), 0, 'every acknowledged cid is there';
    is scalar(grep { $_ > 1 } values %times), 0, '... exactly once';
    is scalar(grep { defined $acked{$_->[2]} && $acked{$_->[2]} != $_->[0] } @$rows), 0, '... under the id that was acknowledged';
    is scalar(grep { $rows->[$_][0] <= $rows->[$_ - 1][0] || $rows->[$_][1] <= $rows->[$_ - 1][1] } 1 .. $#$rows), 0, 'ids and revs go up together';
    for my $who (@senders) {
        my @n = map { $_->[3] =~ /^${\$who->name} (\d+)$/ ? $1 : () } @$rows;
        is_deeply \@n, [1 .. @n], $who->name . '\'s are in order, without a hole';
    }
}

# back with `since`; a reset client reads the rest over HTTP, as a page would when one scrolls up
sub come_back ($who) {
    $who->reconnect;
    $who->learn($_) for $who->page->{reset} ? @{$who->history} : ();
}

for my $round (1 .. $rounds) {
    story "round $round" => sub {
        talk_until_killed(20 + int rand 300);
        $server->launch;
        check_database();
        come_back($_) for @senders, $witness;
        my %unsure;
        for my $who (@senders) {
            $unsure{$who->name} = [waiting($who)];
            $who->say($text{$_}, cid => $_, wait => 0) for @{$unsure{$who->name}};
        }
        my $unsure = 0;
        for my $who (@senders) { $who->ack($_), $unsure++ for @{$unsure{$who->name}} }
        note_acks();
        ok 1, "$unsure were said again, since nobody knew";
        is_deeply $_->wrong, [], $_->name . ' saw no promise broken' for @senders, $witness;
    };
}

story 'in the end' => sub {
    check_database();
    my $total = 0;
    $total += @{$said{$_->name}} for @senders;
    my $rows = $server->db->selectrow_array('SELECT count(*) FROM messages');
    is $rows, $total, "all $total messages are stored once, those said again as well";
    is scalar(keys %acked), $total, '... and every one was acknowledged';
    my $rev = $server->db->selectrow_array('SELECT max(rev) FROM messages');
    $_->reaches($rev) for @senders, $witness;
    is_deeply $_->transcript, $server->transcript, $_->name . ' believes what the database has' for @senders, $witness;
    is_deeply [map { [@$_{qw(id rev text)}] } @{$witness->history}], $server->transcript, 'the history over HTTP is the same';
    is $server->db->selectrow_array('PRAGMA integrity_check'), 'ok', 'the database is sound';
};

$server->stop;
done_testing;
