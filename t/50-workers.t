# 200 people on 2 workers, several talking at once: all see the same order. And 1 or 4 workers are no different.
use v5.36;
use Test::More;
use Chatterbox;
use Digest::SHA qw(sha1_hex);

# what somebody heard, boiled down: every event with its rev, in the order it came
sub heard ($client) {
    my @events = map {"$_->{type} $_->{rev} $_->{message}{id} " . ($_->{message}{cid} // '')} grep { $_->{message} } $client->frames;
    return scalar(@events) . ' events, ' . sha1_hex(join "\n", @events);
}

sub crowd ($threads, $people, $senders, $messages) {
    my $server = Chatterbox->start('num-threads' => $threads);
    my @all    = map { $server->connect("someone$_") } 1 .. $people;
    my @talk   = @all[map { $_ * int($people / $senders) } 0 .. $senders - 1];
    my $before = $all[-1]->rev;
    my (%cids, $rev);
    for my $n (1 .. $messages) { push @{$cids{$_->name}}, $_->say($_->name . " says $n", wait => 0) for @talk }
    for my $who (@talk) {
        for (@{$cids{$who->name}}) { my $ack = $who->ack($_); $rev = $ack->{rev} if $ack->{rev} > ($rev // 0) }
    }
    is $rev - $before, $senders * $messages, 'every message is one change';
    $_->reaches($rev, 1, 60) for @all;
    my %different = map { heard($_) => 1 } @all;
    is_deeply [map {/^(\d+)/} keys %different], [$senders * $messages], "all $people heard the same, in the same order"
        or diag join "\n", keys %different;
    is scalar(grep { @{$_->wrong} } @all), 0, 'nobody saw a promise broken' or diag explain [map { $_->wrong->[0] // () } @all];
    is_deeply $all[-1]->transcript, $server->transcript, 'it is what the database has';
    for my $who (@talk) {
        my @said = map { $_->[2] } grep { $_->[2] =~ /^\Q${\$who->name}\E says/ } @{$all[0]->transcript};
        is_deeply \@said, [map { $who->name . " says $_" } 1 .. $messages], $who->name . '\'s messages keep their order';
    }
    my $late = $server->connect('latecomer');
    is_deeply $late->transcript, [@{$server->transcript}[-@{$late->missed} .. -1]], 'who comes later sees the same';
    $_->leave for @all[0, -1];
    $server->stop;
}

story '200 people, 2 workers' => sub { crowd(2, 200, 8, 25) };
story '24 people, 1 worker'   => sub { crowd(1, 24, 4, 50) };
story '24 people, 4 workers'  => sub { crowd(4, 24, 4, 50) };

story 'logout reaches the other workers' => sub {
    my $server = Chatterbox->start('num-threads' => 4);
    my $eve    = $server->connect('eve');
    my @twins  = map { $eve->twin } 1 .. 12;
    $eve->post('/api/logout');
    is scalar(grep { $_->close_code != 4005 } $eve, @twins), 0, 'all 13 connections are closed with 4005';
    $server->stop;
};

done_testing;
