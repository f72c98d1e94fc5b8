# Who types: told now and then, to those in the room only, and taken back by the message and by the end of the last connection.
use v5.36;
use Test::More;
use Chatterbox;
use Mojo::IOLoop;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time);

my $server = Chatterbox->start('num-threads' => 2);
my ($watcher, $host) = map { $server->connect($_) } qw(watcher host);

# what `$listener` heard of `$name`'s typing in a room: the `for` of each sign
sub signs ($listener, $name, $room = 1) {
    return map { $_->{for} } grep { $_->{username} eq $name && $_->{room} == $room } $listener->frames('typing');
}

sub type ($who, $room = 1) { $who->send({type => 'typing', room => $room}) }

# A sign that nobody is to hear is waited for by what is told behind it: the server has come to all that `$who` sent
# before when it acknowledges this, and `@listeners` have heard all that was told before when they hear it.
sub settle ($who, @listeners) {
    my $rev = $who->ack($who->say('all is said'))->{rev};
    $_->reaches($rev) for @listeners;
}

# the same without a message, which would end what is typed: an error comes back the same way
sub is_processed ($who) {
    my $before = () = $who->frames('error');
    type($who, 999);
    $who->until(sub { $before < (() = $who->frames('error')) });
}

# open connections, as the server counts them
sub connections () { ($server->get('/metrics')->body =~ /^chatterbox_sessions (\d+)/m)[0] // die 'no such metric' }

# a private room of the host's, with others added
sub private_room ($name, @others) {
    my $room = $host->post('/api/rooms', {kind => 'private', name => $name})->json->{id};
    for my $who (@others) {
        $host->post("/api/rooms/$room/members", {username => $who->name});
        $who->until(sub { $who->page($room) });
    }
    $host->until(sub { $host->page($room) });
    return $room;
}

story 'a sign is told every 2 s, however often and from wherever it comes' => sub {
    my $ada   = $server->connect('ada');
    my $tab   = $ada->twin;
    my $start = time;
    my $next  = $start;
    $watcher->until(sub {
        if (time >= $next) { type($_) for $ada, $tab; $next += 0.1 }
        return 3 == (() = signs($watcher, 'ada'));
    }, 15);
    my $took = time - $start;
    ok $took >= 3.9, sprintf 'the third of them after %.2f s', $took;
    is_deeply [signs($watcher, 'ada')], [5, 5, 5], 'each holds for 5 s';
    ok scalar(signs($ada, 'ada')) && scalar(signs($tab, 'ada')), 'her own pages get them, too';
    $_->leave for $tab, $ada;
};

story 'what one says ends what one types' => sub {
    my $ben = $server->connect('ben');
    type($ben);
    $watcher->until(sub { signs($watcher, 'ben') });
    $ben->ack($ben->say('done'));
    type($ben);
    $watcher->until(sub { 2 == (() = signs($watcher, 'ben')) }, 1.5);
    pass 'the next sign is told at once, not 2 s later';
    my @order = map { $_->{type} } grep { ($_->{username} // $_->{message}{username} // '') eq 'ben' } $watcher->frames;
    is_deeply \@order, [qw(typing message typing)], '... in the order of things';
    $ben->ack($ben->say('done again'));
    $ben->leave;
    $host->leave;
    $host->join;
    settle($host, $watcher);
    is_deeply [signs($watcher, 'ben')], [5, 5], 'who has said it, types no longer when he goes';
};

story 'who goes, types no longer' => sub {
    my $cid = $server->connect('cid');
    my $tab = $cid->twin;
    type($cid);
    $watcher->until(sub { signs($watcher, 'cid') });
    $cid->leave;
    settle($host, $watcher);
    is_deeply [signs($watcher, 'cid')], [5], 'another page of his is there: nothing is taken back';
    $tab->leave;
    $watcher->until(sub { 2 == (() = signs($watcher, 'cid')) }, 2);
    is_deeply [signs($watcher, 'cid')], [5, 0], 'the last one has gone: for is 0';

    my %ends = (
        dropped => sub ($who) { $who->drop },
        guest   => sub ($who) { $who->post('/api/logout') },
        account => sub ($who) { $who->post('/api/logout?everywhere=1') }
    );
    for my $name (sort keys %ends) {
        my $who = $name eq 'account' ? $server->account($name)->join : $server->connect($name);
        type($who);
        $watcher->until(sub { signs($watcher, $name) });
        $ends{$name}->($who);
        eval { $watcher->until(sub { 2 == (() = signs($watcher, $name)) }, 2) };
        is_deeply [signs($watcher, $name)], [5, 0], "the same when it is the end for: $name";
    }
};

story 'only where one is, and only for those who are there' => sub {
    my ($dan, $eve) = map { $server->connect($_) } qw(dan eve);
    my $room = private_room('quiet', $dan);
    type($dan, $room);
    $host->until(sub { signs($host, 'dan', $room) });
    pass 'the room hears it';
    settle($dan, $eve, $watcher);
    is_deeply [signs($_, 'dan', $room)], [], $_->name . ' does not' for $eve, $watcher;
    is_deeply [signs($host, 'dan', 1)], [], '... and no other room either';

    for my $case ([$eve, $room, 'a room that is not hers'], [$eve, 4711, 'a room that is not']) {
        my ($who, $where, $what) = @$case;
        type($who, $where);
        is $who->next_frame(type => 'error')->{code}, 'not_found', $what;
    }
    $eve->send({type => 'typing'});
    is $eve->next_frame(type => 'error')->{code}, 'bad_frame', 'no room at all';
    settle($eve, $host, $dan);
    is_deeply [map { signs($_, 'eve', $room) } $host, $dan], [], 'nobody is told of any of it';

    is $dan->post("/api/rooms/$room/messages", {text => 'by another way'})->code, 201, 'dan says it, over HTTP';
    type($dan, $room);
    $host->until(sub { 2 == (() = signs($host, 'dan', $room)) }, 1.5);
    pass '... and is seen typing again at once';
    is $server->request(DELETE => "/api/rooms/$room/members/dan", undef, $host->auth)->code, 204, 'dan is removed while he types';
    eval { $host->until(sub { 3 == (() = signs($host, 'dan', $room)) }, 2) };
    is_deeply [signs($host, 'dan', $room)], [5, 5, 0], '... which the room takes for his going';
    type($dan, $room);
    is $dan->next_frame(type => 'error')->{code}, 'not_found', 'he types there no more';
    my $heard = () = signs($dan, 'host', $room);
    type($host, $room);
    $host->until(sub { signs($host, 'host', $room) });
    settle($host, $dan);
    is scalar(() = signs($dan, 'host', $room)), $heard, '... and sees nobody else do so';
};

story 'twenty a second and room' => sub {
    my $room  = private_room('elsewhere', $watcher);
    my @crowd = map { $server->connect("typist$_") } 1 .. 50;
    my $told  = sub { map { $_->{username} } grep { $_->{room} == 1 && $_->{username} =~ /^typist/ } $watcher->frames('typing') };
    my $start = time;
    $watcher->until(sub { time - $start > 1.1 });    # what was typed before has had its second
    $start = time;
    type($_) for @crowd;
    type($host, $room);
    is_processed($_) for @crowd;
    my $seconds = 1 + int(time - $start);    # begun; on a slow machine it may be a few
    settle($host, $watcher);
    my $n = $told->();
    ok $n >= 20 && $n <= 20 * $seconds, "50 began to type within $seconds s: the room is told of $n";
    is_deeply [signs($watcher, 'host', $room)], [5], 'another room has twenty of its own';

    SKIP: {
        skip 'nobody is left over', 1 if $n >= 50;
        my %told = map { $_ => 1 } $told->();
        my ($left_out) = grep { !$told{$_->name} } @crowd;
        my $next = time;
        $watcher->until(sub {
            if (time >= $next) { type($left_out); $next = time + 0.1 }
            return scalar signs($watcher, $left_out->name);
        }, 3);
        pass 'who was left out is told of in the next second, not in two';
    }

    # That they go is told by a sign as well, and no way around the limit: who hears nothing forgets them after 5 s.
    my $before = $told->();
    $start = time;
    type($_) for @crowd;
    is_processed($_) for @crowd;
    my $there = connections();
    $_->drop for @crowd;
    wait_until 'the server has seen them go', sub { connections() == $there - @crowd };
    $seconds = 2 + int(time - $start);    # of which the first was under way
    settle($host, $watcher);
    $n = $told->() - $before;
    ok $n <= 20 * $seconds, "50 type and go within $seconds s: $n signs";
};

# The kernel takes less than a megabyte for a connection here; so of 3 MB more than half of the limit must wait for who
# does not read, and less than the limit. What is only news is then left out, for that one.
story 'dropped first where a queue fills' => sub {
    my $own = Chatterbox->start('num-threads' => 2, 'chatterbox.outbound-limit' => 4 << 20);
    my ($sloth, $hare, $fay) = map { $own->connect($_) } qw(sloth hare fay);
    my $came = sub ($who, $name) { grep { grep { $_ eq $name } @{$_->{online} // []} } $who->frames('presence') };
    setsockopt Mojo::IOLoop->stream($sloth->{tx}->connection)->handle, SOL_SOCKET, SO_RCVBUF, pack 'i', 65536;
    $sloth->stop_reading;
    for my $batch (1 .. 10) {
        my @cids = map { $hare->say("$batch/$_ " . 'x' x 16000, wait => 0) } 1 .. 20;
        $hare->ack($_) for @cids;
    }
    type($fay);
    $hare->until(sub { signs($hare, 'fay') });
    my $gil = $own->connect('gil');
    $hare->until(sub { $came->($hare, 'gil') });
    pass 'who reads, hears who types and who came';
    my $last = $hare->ack($hare->say('the last one'))->{rev};
    $sloth->resume_reading->reaches($last);
    is_deeply $sloth->transcript, $own->transcript, 'who did not, gets every message';
    is_deeply $sloth->wrong, [], '... in order';
    is_deeply [signs($sloth, 'fay')], [], '... but not who typed';
    is scalar($came->($sloth, 'gil')), 0, '... nor who came';
    type($gil);
    $sloth->until(sub { signs($sloth, 'gil') });
    pass 'once it has caught up, it is told again';
    ok $sloth->is_open, '... and was never let go';
    $own->stop;
};

# That they type no longer is told to workers that may have ended by then.
story 'the server ends while they type' => sub {
    my @crowd = map { $server->connect("late$_") } 1 .. 12;
    type($_) for @crowd;
    is_processed($_) for @crowd;
    is_deeply [map { @{$_->wrong} } $watcher, $host, @crowd], [], 'no promise was broken';
    $server->stop;
};

done_testing;
