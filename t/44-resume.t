# Coming back: `since` brings what was missed, all of it and nothing else, or says "reset".
use v5.36;
use Test::More;
use Chatterbox;

my $server = Chatterbox->start;
my ($ada, $bob) = map { $server->connect($_) } qw(ada bob);

# what a resumed client must believe: the room as it is, as far as it knew of it
sub is_complete ($client, $what) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply $client->transcript, $client->server->transcript, $what;
    is_deeply $client->wrong, [], '... and no promise was broken';
}

story 'what was missed: new, edited and deleted' => sub {
    my @id = map { $ada->ack($ada->say("message $_"))->{id} } 1 .. 10;
    $bob->reaches($ada->rev);
    my $since = $bob->rev;
    $bob->drop;
    my $new     = $ada->ack($ada->say('new'));
    my $edited  = $ada->ack($ada->edit($id[2], 'edited'));
    my $deleted = $ada->ack($ada->delete($id[5]));
    $bob->join(hello => {$bob->stand});
    my $page = $bob->page;
    ok !$page->{reset}, 'no reset';
    is $page->{rev}, $deleted->{rev}, 'the rev of now';
    is_deeply [map { [@$_{qw(id rev)}] } @{$page->{messages}}], [map { [@$_{qw(id rev)}] } $new, $edited, $deleted], 'just these three, in the order of rev';
    is_deeply [map { $_->{text} } @{$page->{messages}}], ['new', 'edited', undef], '... as they are now';
    is_complete $bob, 'bob knows all';
    ok $bob->ack($bob->say('back')), '... and is back';
    $ada->reaches($bob->rev);
};

story 'several changes of one message come as its last state' => sub {
    $bob->reaches($ada->rev);
    my $id = $ada->ack($ada->say('one'))->{id};
    $bob->reaches($ada->rev);
    $bob->drop;
    $ada->edit($id, $_) for qw(two three four);
    $bob->join(hello => {$bob->stand});
    is_deeply [map { [@$_{qw(id text rev)}] } @{$bob->missed}], [[$id, 'four', $ada->rev]], 'once, with the last text';
    is_complete $bob, 'bob knows all';
};

story 'nothing missed' => sub {
    $bob->reaches($ada->rev);
    $bob->reconnect;
    my $page = $bob->page;
    is_deeply $page->{messages}, [], 'no messages';
    ok !$page->{reset}, 'no reset';
    is $page->{rev}, $ada->rev, 'the same rev';
    is_complete $bob, 'bob knows all';
};

story 'revs of another life mean nothing' => sub {
    for my $case (['another epoch', epoch => 'ffffffffffff'], ['no epoch', epoch => undef], ['a rev ahead of the server', since => {1 => $ada->rev + 1}],
        ['a rev far ahead', since => {1 => 9007199254740991}])
    {
        my ($what, $key, $value) = @$case;
        my %stand = ($ada->stand, $key => $value);
        delete $stand{$key} unless defined $value;
        my $eve = $server->guest('eve' . ++state $n);
        $eve->join(hello => \%stand);
        my $page = $eve->page;
        ok $page->{reset}, "$what: reset";
        is $page->{rev}, $ada->rev, '... the rev of now';
        is_deeply [map { $_->{id} } @{$page->{messages}}], [map { $_->[0] } @{$ada->transcript}[-@{$page->{messages}} .. -1]], '... and the newest page';
    }
};

story 'another room in since is nobody\'s business' => sub {
    my %stand = $ada->stand;
    $stand{since}{77} = 3;
    $bob->drop;
    $bob->join(hello => \%stand);
    is scalar @{$bob->{histories}}, 1, 'one history, of our one room';
    is_deeply $bob->missed, [], '... with nothing missed';
};

story 'far behind: complete and in order, or reset' => sub {
    my $own = Chatterbox->start;
    my ($ann, $ben) = map { $own->connect($_) } qw(ann ben);
    my @old = map { $ann->ack($ann->say("old $_"))->{id} } 1 .. 5;
    $ben->reaches($ann->rev);
    for my $n (90, 110, 400, 1500) {
        $ben->drop;
        my @cids = map { $ann->say("message $_ of $n", wait => 0) } 1 .. $n;
        push @cids, map { $ann->edit($_, "edited with $n", wait => 0) } @old[0, 1];
        push @cids, $ann->delete(pop @old, wait => 0) if @old > 2;
        $ann->answer($_, 60) for @cids;
        my $changes = @cids;
        $ben->join(hello => {$ben->stand});
        my $page = $ben->page;
        is $page->{rev}, $ann->rev, "$n behind: the rev of now";
        if ($page->{reset}) {
            is_deeply [map { $_->{id} } @{$page->{messages}}], [map { $_->[0] } @{$own->transcript}[-@{$page->{messages}} .. -1]], '... reset, and the newest page without a hole';
            ok $page->{more}, '... with more to be had';
            $ben->learn($_) for @{$ben->history};
        }
        else { is scalar @{$page->{messages}}, $changes, "... all $changes changes" }
        is_complete $ben, '... then ben knows all';
    }
    $own->stop;
};

story 'only very old messages changed' => sub {
    my $own = Chatterbox->start;
    my ($ann, $ben) = map { $own->connect($_) } qw(ann ben);
    my @cids = map { $ann->say("message $_", wait => 0) } 1 .. 400;
    my @ids = map { $ann->ack($_)->{id} } @cids;
    $ben->reaches($ann->rev);
    $ben->drop;
    $ann->ack($ann->edit($ids[3], 'edited'));
    $ann->ack($ann->delete($ids[4]));
    $ben->join(hello => {$ben->stand});
    $ben->learn($_) for $ben->page->{reset} ? @{$ben->history} : ();
    is_complete $ben, 'ben knows of both';
    $own->restart;
    $_->drop for $ann, $ben;
    $ann->join(hello => {$ann->stand});
    is_deeply $ann->missed, [], 'a restart changes nothing';
    ok !$ann->page->{reset}, '... and nobody is reset';
    $ann->ack($ann->edit($ids[7], 'edited after the restart'));
    $ben->join(hello => {$ben->stand});
    is_complete $ben, 'ben, who comes later, knows of that as well';
    $own->stop;
};

story 'hello again on the same connection fills a gap' => sub {
    $bob->reconnect;
    my $rev = $bob->rev;
    $ada->say("while bob looks away $_") for 1 .. 3;
    $bob->reaches($ada->rev);
    delete $bob->{messages}{$_->{id}} for grep { $_->{rev} > $rev } values %{$bob->{messages}};
    $bob->{rev}{1} = $rev;    # as if these had never come
    $bob->hello($bob->stand)->joined;
    is_deeply [map { $_->{text} } @{$bob->missed}], [map {"while bob looks away $_"} 1 .. 3], 'the three';
    is_complete $bob, 'bob knows all';
    $ada->say('one more');
    $bob->reaches($ada->rev);
    is scalar(grep { $_->{rev} == $ada->rev } $bob->frames('message')), 1, 'what comes then, comes once';
};

story 'coming back while others write at full speed' => sub {
    my $own     = Chatterbox->start;
    my @writers = map { $own->connect("writer$_") } 1 .. 3;
    my $reader  = $own->connect('reader');
    my ($said, $writing, %first) = (0, 1);
    my $pump = sub {
        return unless $writing;
        for my $writer (@writers) {
            my @open = grep { !$writer->answered($_) } keys %{$writer->{asked}};
            for (@open + 1 .. 15) {
                my $own_id = $first{$writer->name};
                my $acked  = !$own_id && (values %{$writer->{acks}})[0];
                $first{$writer->name} = $acked->{id} if $acked;
                $said++;
                $said % 7 || !$own_id ? $writer->say("said $said", wait => 0) : $writer->edit($own_id, "edited at $said", wait => 0);
            }
            delete $writer->{asked}{$_} for grep { $writer->answered($_) } keys %{$writer->{asked}};
        }
    };
    my $timer = Mojo::IOLoop->recurring(0.005 => $pump);
    for my $round (1 .. 25) {
        my $goal = $reader->rev + 40;
        $reader->reaches($goal);
        $round % 5 ? $reader->reconnect : $reader->hello($reader->stand)->joined;
        $reader->learn($_) for $reader->page->{reset} ? @{$reader->history} : ();
    }
    $writing = 0;
    Mojo::IOLoop->remove($timer);
    for my $writer (@writers) { $writer->answer($_) for keys %{$writer->{asked}} }
    my ($rev) = $own->db->selectrow_array('SELECT max(rev) FROM messages');
    $_->reaches($rev) for $reader, @writers;
    is_complete $reader, "the reader knows all of $said changes";
    is_deeply $_->wrong, [], $_->name . ' saw no promise broken' for @writers;
    $own->stop;
};

is_deeply [@{$ada->wrong}, @{$bob->wrong}], [], 'ada and bob saw no promise broken';
$server->stop;
done_testing;
