# Rooms: who makes, joins, adds, leaves, removes and changes them, who may what, and one direct room for two.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Mojo::IOLoop;
use Mojo::JSON qw(encode_json);

my $server = Chatterbox->start('num-threads' => 2);
my ($ann, $ben, $cy) = map { $server->connect($_) } qw(ann ben cy);

sub call ($who, $method, $path, $body = undef) { $server->request($method => $path, $body, $who->auth) }

sub room_frame ($who, $id) {
    return wait_until "$who->{name} hears of room $id", sub {
        (grep { $_->{room}{id} == $id } $who->frames('room'))[-1]
    };
}

story 'a private room' => sub {
    my $res = call($ann, POST => '/api/rooms', {kind => 'private', name => 'secret', topic => 'hush'});
    is $res->code, 201, 'made';
    my $room = $res->json;
    is_deeply [@$room{qw(kind name topic rev unread)}], ['private', 'secret', 'hush', 0, 0], '... as asked';
    my $path = "/api/rooms/$room->{id}";
    ok room_frame($ann, $room->{id})->{joined}, 'its maker is told';
    is_problem call($ben, POST => "$path/members", {}), 404, 'not_found', 'it does not exist for others: joining';
    is_problem call($ben, GET => "$path/messages"), 404, 'not_found', '... reading';
    is_problem call($ben, POST => "$path/messages", {text => 'x'}), 404, 'not_found', '... writing';
    is_problem call($ben, PATCH => $path, {topic => 'x'}), 404, 'not_found', '... changing';
    is scalar(grep { $_->{id} == $room->{id} } @{call($ben, GET => '/api/rooms')->json->{rooms}}), 0, '... listing';

    is call($ann, POST => "$path/members", {username => 'ben'})->code, 200, 'a member adds another';
    ok room_frame($ben, $room->{id})->{joined}, '... who is told';
    my $said = $ann->ack($ann->say('in here', room => $room->{id}));
    $ben->until(sub { grep { $_->{message}{id} == $said->{id} } $ben->frames('message') });
    pass '... and hears what is said';
    is scalar(grep { $_->{room} == $room->{id} } $cy->frames('message')), 0, 'nobody else does';

    is_problem call($ben, PATCH => $path, {topic => 'mine'}), 403, 'forbidden', 'only the owner changes it';
    is_problem call($ben, DELETE => "$path/members/ann"), 403, 'forbidden', '... and removes others';
    is call($ann, PATCH => $path, {topic => 'louder'})->json->{topic}, 'louder', 'the owner does';
    wait_until 'ben hears of it', sub { room_frame($ben, $room->{id})->{room}{topic} eq 'louder' };
    is call($ann, DELETE => "$path/members/ben")->code, 204, 'ben is removed';
    wait_until 'ben is told', sub { !room_frame($ben, $room->{id})->{joined} };
    is $ben->error($ben->say('still?', room => $room->{id}))->{code}, 'not_found', 'what he says then is refused';
    my $heard = () = $ben->frames('message');
    $ann->ack($ann->say('alone again', room => $room->{id}));
    $ben->ack($ben->say('a sign in general'));
    is scalar(grep { $_->{room} == $room->{id} } ($ben->frames('message'))[$heard .. $heard]), 0, '... and he hears no more';
};

story 'public rooms' => sub {
    my $room = call($ann, POST => '/api/rooms', {kind => 'public', name => 'Garden'})->json;
    is_problem call($ben, POST => '/api/rooms', {kind => 'public', name => 'gARDEN'}), 409, 'name_taken', 'one name, one room';
    is call($ben, POST => "/api/rooms/$room->{id}/members", {})->code, 200, 'anybody joins';
    my $members = call($ben, GET => "/api/rooms/$room->{id}/members")->json;
    is_deeply [map { $_->{username} } @{$members->{members}}], [qw(ann ben)], 'who is in it, by name';
    is call($ben, DELETE => "/api/rooms/$room->{id}/members/ben")->code, 204, 'and leaves';
    is_problem call($ben, DELETE => "/api/rooms/1/members/ben"), 403, 'forbidden', 'but not general';
    is_problem call($ben, POST => '/api/rooms', {kind => 'public', name => ''}),              422, 'bad_name', 'no name';
    is_problem call($ben, POST => '/api/rooms', {kind => 'public', name => 'x' x 65}),        422, 'bad_name', 'too long a name';
    is_problem call($ben, POST => '/api/rooms', {kind => 'direct', name => 'x'}),             400, 'bad_frame', 'direct rooms are made otherwise';
    is_problem call($ben, POST => '/api/rooms', {kind => 'public', name => 'x', topic => 't' x 251}), 422, 'too_long', 'too long a topic';
};

story 'a direct room' => sub {
    my $one = call($ann, POST => '/api/direct', {username => 'cy'});
    my $two = call($cy, POST => '/api/direct', {username => 'Ann'});
    is $one->code, 200, 'opened';
    is $one->json->{id}, $two->json->{id}, 'the same, whoever asks';
    is_deeply [$one->json->{name}, $two->json->{name}], [qw(cy ann)], 'its name is the other one';
    is_problem call($ann, POST => '/api/direct', {username => 'nobody'}), 404, 'not_found', 'with nobody there is none';
    is_problem call($ann, POST => "/api/rooms/" . $one->json->{id} . "/members", {username => 'ben'}), 403, 'forbidden', 'two are enough';
};

story 'what is unread' => sub {
    my $room = call($ann, POST => '/api/rooms', {kind => 'private', name => 'counted'})->json;
    call($ann, POST => "/api/rooms/$room->{id}/members", {username => 'cy'});
    my $unread = sub { (grep { $_->{id} == $room->{id} } @{call($cy, GET => '/api/rooms')->json->{rooms}})[0]{unread} };
    is $unread->(), 0, 'nothing at first';
    my @acks = map { $ann->ack($ann->say("m$_", room => $room->{id})) } 1 .. 3;
    is $unread->(), 3, 'three were said';
    $ann->answer($ann->delete($acks[2]{id}, wait => 0));
    is $unread->(), 2, 'one was taken back';
    $cy->ack($cy->say('mine', room => $room->{id}));
    is $unread->(), 2, 'one\'s own do not count';
    $cy->send({type => 'read', room => $room->{id}, id => $acks[0]{id}});
    wait_until 'the mark is there', sub { $unread->() == 1 };
    pass 'and what was read does not';
};

# -- a room of somebody's, by HTTP, and what others see of it --

sub make ($who, $kind, $name, @topic) {
    my $res = call($who, POST => '/api/rooms', {kind => $kind, name => $name, map { (topic => $_) } @topic});
    die "no room: " . $res->body if $res->code != 201;
    $who->until(sub { $who->page($res->json->{id}) });
    return $res->json->{id};
}

sub add ($owner, $room, $who) {
    die 'not added' if call($owner, POST => "/api/rooms/$room/members", {username => $who->name})->code != 200;
    $who->until(sub { $who->page($room) });
}

sub remove ($who, $room, $name) { call($who, DELETE => "/api/rooms/$room/members/$name") }

# the room as the list over HTTP has it for somebody; undef: it is not in there
sub listed ($who, $room) { (grep { $_->{id} == $room } @{call($who, GET => '/api/rooms')->json->{rooms}})[0] }

sub members ($who, $room) { [map { $_->{username} } @{call($who, GET => "/api/rooms/$room/members")->json->{members}}] }

story 'names and topics, up to their limits' => sub {
    my %good = (
        'one character'           => 'q',
        '64 characters'           => 'x' x 64,
        '64 of four bytes'        => "\x{1f600}" x 64,
        '64 with combining marks' => "e\x{301}" x 32,
        'right to left'           => "\x{5e9}\x{5dc}\x{5d5}\x{5dd}",
        'space at both ends'      => '  spaced  ',
        'zero'                    => '0',
        'quotes'                  => q{"'\\<b>&amp;--;},
    );
    my %bad = (
        'none'               => '',
        '65 characters'      => 'x' x 65,
        '65 of four bytes'   => "\x{1f600}" x 65,
        'nothing but space'  => " \x{a0}\x{2003}\x{3000}",
        'a line feed'        => "a\nb",
        'a tab'              => "a\tb",
        'a NUL'              => "a\0b",
        'a control of C1'    => "a\x{9f}b"
    );
    for my $what (sort keys %good) {
        my $room = make($ann, 'private', $good{$what});
        is listed($ann, $room)->{name}, $good{$what}, "a name: $what";
        is room_frame($ann, $room)->{room}{name}, $good{$what}, '... and so is it told';
    }
    my $room = make($ann, 'private', 'before');
    for my $what (sort keys %bad) {
        is_problem call($ann, POST => '/api/rooms', {kind => 'private', name => $bad{$what}}), 422, 'bad_name', "a name: $what";
        is_problem call($ann, PATCH => "/api/rooms/$room", {name => $bad{$what}}), 422, 'bad_name', '... nor later';
    }
    for my $topic ('', 'x' x 250, "\x{1f600}" x 250, '   ') {
        is call($ann, PATCH => "/api/rooms/$room", {topic => $topic})->json->{topic}, $topic, 'a topic of ' . length $topic;
        is listed($ann, make($ann, 'private', 'with a topic', $topic))->{topic}, $topic, '... from the beginning';
    }
    is_problem call($ann, PATCH => "/api/rooms/$room", {topic => $_}), 422, 'too_long', 'a topic of 251' for 'x' x 251, "\x{1f600}" x 251;
    is_problem call($ann, PATCH => "/api/rooms/$room", {topic => $_}), 400, 'bad_frame', 'a topic with a control character' for "a\nb", "a\0b";
    is_problem call($ann, PATCH => "/api/rooms/$room", $_), 400, 'bad_frame', 'a change of ' . encode_json($_) for {}, {kind => 'public'}, {name => 1}, {topic => undef};
    is_problem call($ann, POST => '/api/rooms', $_), 400, 'bad_frame', 'a new one of ' . encode_json($_)
        for {}, {kind => 'public'}, {name => 'x'}, {kind => 'secret', name => 'x'}, {kind => 1, name => 'x'};
    is_deeply [@{listed($ann, $room)}{qw(kind name)}], ['private', 'before'], 'nothing of that has changed it';
    my $res = call($ann, PATCH => "/api/rooms/$room", {name => 'after', topic => 'both'})->json;
    is_deeply [@$res{qw(name topic)}], [qw(after both)], 'name and topic at once';
};

story 'a public name is there once' => sub {
    my ($one, $two) = map { make($ann, 'public', $_) } 'Harbour', 'Quay';
    is_problem call($ann, PATCH => "/api/rooms/$two", {name => 'HARBOUR'}), 409, 'name_taken', 'a room cannot be renamed to another\'s';
    is listed($ann, $two)->{name}, 'Quay', '... and stays as it was';
    is call($ann, PATCH => "/api/rooms/$one", {name => 'harbour'})->json->{name}, 'harbour', 'but to its own in other letters';
    is listed($ben, make($ben, 'private', 'harbour'))->{name}, 'harbour', 'a private room may have any name';
    is listed($cy, make($cy, 'private', 'harbour'))->{name}, 'harbour', '... more than one of them';
    is call($ann, PATCH => "/api/rooms/$one", {name => 'Haven'})->code, 200, 'renamed';
    ok make($ben, 'public', 'HARBOUR'), '... the old one is free';
};

story 'the list of rooms, for who is in them and who is not' => sub {
    my $open   = make($ann, 'public', 'lounge', 'for all');
    my $closed = make($ann, 'private', 'cellar');
    add($ann, $closed, $ben);
    $ann->ack($ann->say('hello', room => $_)) for $open, $closed;
    my %common = (id => $open, kind => 'public', name => 'lounge', topic => 'for all', rev => 1);
    my $seen   = listed($cy, $open);
    is_deeply [@$seen{sort keys %common}], [@common{sort keys %common}], 'a public room is listed for all';
    is_deeply [grep { exists $seen->{$_} } qw(read_id unread marks)], [], '... without what only members have';
    ok !listed($cy, $closed), 'a private one is not';
    ok !(grep { $_->{id} == $open || $_->{id} == $closed } @{$cy->twin->welcome->{rooms}}), 'welcome has neither';
    is_deeply [@{listed($ben, $closed)}{qw(read_id unread marks)}], [0, 1, []], 'a member sees all of it';
    is_problem call($cy, GET => "/api/rooms/$open/$_"), 404, 'not_found', "not joined: $_" for qw(messages members);
    is_problem call($cy, POST => "/api/rooms/$open/messages", {text => 'x'}), 404, 'not_found', '... nor to be spoken in';
    is $cy->error($cy->say('x', room => $open))->{code}, 'not_found', '... nor over the WebSocket';

    my $res = call($cy, POST => "/api/rooms/$open/members", {});
    is $res->code, 200, 'joined';
    $cy->until(sub { $cy->page($open) });
    is_deeply [map { $_->{text} } @{$cy->missed($open)}], ['hello'], 'the history comes by itself';
    is listed($cy, $open)->{unread}, 0, 'what was said before is not unread';
    my $frames = grep { $_->{room}{id} == $open } $cy->frames('room');
    is_deeply call($cy, POST => "/api/rooms/$open/members", {})->json, $res->json, 'joined twice: the same answer';
    is call($ann, POST => "/api/rooms/$open/members", {username => 'cy'})->code, 200, 'added, being there';
    is call($ann, POST => "/api/rooms/$open/members", {username => 'ann'})->code, 200, '... oneself';
    $cy->ack($cy->say('a sign', room => $open));
    is scalar(grep { $_->{room}{id} == $open } $cy->frames('room')), $frames, '... and nobody is told anything';
    is_deeply members($cy, $open), [qw(ann cy)], '... or is there twice';
    is call($cy, GET => "/api/rooms/$open/members")->json->{count}, 2, '... or counted twice';

    is_problem call($ann, POST => "/api/rooms/$closed/members", {username => 'nobody'}), 404, 'not_found', 'adding a name that nobody has';
    is_problem call($ann, POST => "/api/rooms/$closed/members", {username => 'not a name'}), 422, 'bad_name', '... or can have';
    my $dee = $server->connect('dee');
    is_problem call($ben, POST => "/api/rooms/$open/members", {username => 'dee'}), 403, 'forbidden', 'who is not in it adds nobody';
    is_problem remove($ann, $closed, 'dee'), 404, 'not_found', 'removing who is not in it';
    is_problem remove($ann, $closed, 'nobody'), 404, 'not_found', '... or who is not';
    is_problem remove($dee, $open, 'cy'), 403, 'forbidden', '... or being a stranger oneself';
    is_problem remove($dee, $closed, 'ben'), 404, 'not_found', '... to a room that one does not know of';
    is_problem remove($dee, $open, 'dee'), 404, 'not_found', 'leaving where one is not';
    is_problem call($ann, POST => '/api/rooms/424242/members', {}), 404, 'not_found', 'a room that is not';
};

story 'the owner leaves' => sub {
    my $room = make($ann, 'public', 'orphanage');
    call($_, POST => "/api/rooms/$room/members", {}) for $ben, $cy;
    $_->until(sub { $_->page($room) }) for $ben, $cy;
    my $said = $ben->ack($ben->say('still here', room => $room));
    is remove($ann, $room, 'ann')->code, 204, 'the owner leaves';
    wait_until 'she is told', sub { !room_frame($ann, $room)->{joined} };
    is_deeply members($ben, $room), [qw(ben cy)], 'the others stay';
    is_problem remove($ben, $room, 'cy'), 403, 'forbidden', 'nobody of them is the owner';
    is_problem call($ben, PATCH => "/api/rooms/$room", {topic => 'mine'}), 403, 'forbidden', '... not for the topic either';
    is call($ann, POST => "/api/rooms/$room/members", {})->code, 200, 'she comes back';
    is_problem call($ann, PATCH => "/api/rooms/$room", {topic => 'mine again'}), 403, 'forbidden', '... as one of them';
    is $ann->error($ann->delete($said->{id}))->{code}, 'forbidden', '... who takes back nobody else\'s words';
    is remove($_, $room, $_->name)->code, 204, $_->name . ' leaves' for $ann, $ben, $cy;
    ok listed($ann, $room), 'an empty public room is still there to be joined';
};

story 'what is unread, exactly' => sub {
    my ($one, $two) = map { make($ann, 'private', "unread $_") } 1, 2;
    $ann->ack($ann->say("before $_", room => $one)) for 1 .. 3;
    my $eve = $server->connect('eve');
    add($ann, $_, $eve) for $one, $two;
    my $is = sub ($want, $what) {
        is_deeply [map { listed($eve, $_)->{unread} } $one, $two], $want, $what;
        my %there = map { $_->{id} => $_->{unread} } @{$eve->twin->welcome->{rooms}};
        is_deeply [@there{$one, $two}], $want, '... and in welcome';
    };
    $is->([0, 0], 'what was said before one came is not');
    my @ids = map { $ann->ack($ann->say("m$_", room => $one))->{id} } 1 .. 5;
    $ann->ack($ann->say('elsewhere', room => $two));
    $is->([5, 1], 'each room has its own');
    $ann->answer($ann->edit($ids[0], 'changed', wait => 0));
    $is->([5, 1], 'an edit counts nothing');
    $ann->answer($ann->delete($ids[$_], wait => 0)) for 1, 3;
    $is->([3, 1], 'what was taken back is not unread');
    my $own = $eve->ack($eve->say('mine', room => $one))->{id};
    $is->([3, 1], 'nor is one\'s own');
    my $read = sub ($room, $id) {
        $eve->send({type => 'read', room => $room, id => $id});
        $eve->until(sub { grep { $_->{username} eq 'eve' && $_->{id} == $id } $eve->frames('read') });
    };
    $read->($one, $ids[1]);    # m3 and m5 are behind it, m4 is deleted
    $is->([2, 1], 'read up to one that is deleted');
    $ann->answer($ann->delete($ids[0], wait => 0));
    $is->([2, 1], 'one that was read is deleted: no change');
    $read->($one, $own);
    $is->([0, 1], 'all is read');
    $ann->ack($ann->say('one more', room => $one));
    $is->([1, 1], 'one more');
    $server->restart;
    $_->reconnect for $ann, $ben, $cy, $eve;
    $is->([1, 1], 'after a restart');
    remove($eve, $one, 'eve');
    $ann->ack($ann->say('behind her back', room => $one));
    $eve->until(sub { grep { $_->{room}{id} == $one && !$_->{joined} } $eve->frames('room') });
    add($ann, $one, $eve);
    $is->([0, 1], 'who left and comes again, starts afresh');
    $ann->ack($ann->say('welcome back', room => $one));
    $is->([1, 1], '... and counts from there');
};

# The core is one thread, so that it decides one of a removal and a message first; that is what is held here: whatever was
# acknowledged was so before the removal, for all to see, and of what came behind it nothing is.
story 'a removal, while the one who is removed goes on talking' => sub {
    my $rounds = $server->sanitized ? 4 : 10;
    my $seed   = $ENV{CHATTERBOX_SEED} // int rand 1e9;    # how much is said between two looks
    srand $seed;
    my ($acked_all, $refused_all, $tried_old) = (0, 0, 0);
    for my $round (1 .. $rounds) {
        my $room = make($ann, 'private', "round $round");
        my $fay  = $server->connect("fay$round");
        my $tab  = $fay->twin;
        add($ann, $room, $fay);
        $tab->until(sub { $tab->page($room) });
        my (@cids, $removed);
        my $is_told = sub ($who) { grep { $_->{room}{id} == $room && !$_->{joined} } $who->frames('room') };
        $fay->until(sub {
            my $under_way = @cids - keys(%{$fay->{acks}}) - keys(%{$fay->{errors}});
            push @cids, $fay->say('on and on ' . @cids, room => $room, wait => 0) for 1 .. ($under_way < 40 ? int rand 8 : 0);
            if (@cids > 20 + 10 * $round && !$removed) {
                my $tx = $server->{ua}->build_tx(DELETE => $server->url . "/api/rooms/$room/members/fay$round", {$ann->auth});
                $server->{ua}->start($tx => sub ($ua, $tx) { $removed = $tx->res });
                $removed = 1;
            }
            return $is_told->($fay);
        }, 20);
        push @cids, map { $fay->say('and still', room => $room, wait => 0) } 1 .. 5;
        my @answers = map { $fay->answer($_) } @cids;
        wait_until 'the owner is answered', sub { ref $removed };
        $tab->until(sub { $is_told->($tab) });
        my $after = $ann->ack($ann->say('alone', room => $room));
        $fay->ack($fay->say("a sign $round"));
        $tab->reaches($fay->rev);

        my @acks = grep { $_->{type} eq 'ack' } @answers;
        my @no   = grep { $_->{type} ne 'ack' } @answers;
        $acked_all   += @acks;
        $refused_all += @no;
        my @row = map { $_->{type} eq 'ack' ? 1 : 0 } @answers;
        my @wrong;
        push @wrong, 'it was not 204' if $removed->code != 204;
        push @wrong, 'an ack behind a refusal' if "@row" =~ /0 1/;
        push @wrong, 'refused otherwise: ' . encode_json($_) for grep { $_->{code} ne 'not_found' } @no;
        push @wrong, 'an ack behind the removal' if grep { $_->{rev} >= $after->{rev} } @acks;
        my @stored = map { $_->{id} } grep { $_->{username} eq $fay->name } @{$ann->history($room)};
        push @wrong, 'the history has others than were acknowledged' if "@stored" ne join ' ', map { $_->{id} } @acks;
        push @wrong, 'the next rev is another' if $after->{rev} != @acks + 1;
        for my $who ($fay, $tab) {
            my @frames = grep { (ref $_->{room} ? $_->{room}{id} : $_->{room} // 0) == $room } $who->frames;
            shift @frames while @frames && !($frames[0]{type} eq 'room' && !$frames[0]{joined});
            push @wrong, $who->name . ' is told of the room behind its end: ' . encode_json($_) for @frames[1 .. $#frames];
            push @wrong, @{$who->wrong};
        }
        is_deeply \@wrong, [], "round $round: " . @acks . ' acknowledged, ' . @no . ' refused' or diag "CHATTERBOX_SEED=$seed";

        if (@acks && !$tried_old++) {
            my $old = $acks[0]{id};
            is $fay->error($fay->edit($old, 'x', wait => 0))->{code}, 'not_found', '... an old one cannot be changed';
            is $fay->error($fay->delete($old))->{code}, 'not_found', '... or taken back';
            $fay->send({type => $_, room => $room, id => $old}), is $fay->next_frame(type => 'error', code => 'not_found')->{type}, 'error', "... nor $_"
                for qw(read typing);
        }
        $_->leave for $fay, $tab;
    }
    ok $acked_all && $refused_all > 5 * $rounds, "in all $acked_all acknowledged, $refused_all refused" or diag "CHATTERBOX_SEED=$seed";
    is_deeply $ann->wrong, [], 'the owner saw no promise broken';
};

# Everybody opens a room with somebody, everybody at the same moment, until each has one with each of the others: in every
# turn all requests are written before the first answer is read, on connections of which both workers have some.
story 'two who open a direct room at the same moment get the same one' => sub {
    my $n      = $server->sanitized ? 10 : 16;
    my @people = map { $server->guest("pair$_") } 0 .. $n - 1;
    my @lines  = map { Chatterbox::Raw->new($server) } @people;
    my $witness = $server->bearer($people[0]->name, $people[0]->token)->join;
    my $before = $server->db->selectrow_array('SELECT count(*) FROM rooms WHERE kind = 2');
    my (%room, @wrong);
    for my $turn (1 .. $n - 1) {
        my @with = partners($n, $turn);
        $lines[$_]->put(direct_request($people[$_], $people[$with[$_]])) for 0 .. $n - 1;
        my @got = map { $_->read_head; {status => $_->status, room => eval { Mojo::JSON::decode_json($_->body) } // {}} } @lines;
        for my $i (0 .. $n - 1) {
            my ($mine, $theirs) = @got[$i, $with[$i]];
            push @wrong, "turn $turn: $i is answered $mine->{status}" if $mine->{status} != 200;
            push @wrong, "turn $turn: $i and $with[$i] have different rooms" if ($mine->{room}{id} // 'none') ne ($theirs->{room}{id} // 'nothing');
            push @wrong, "turn $turn: the room of $i is called $mine->{room}{name}" if $mine->{room}{name} ne "pair$with[$i]";
            $room{$mine->{room}{id}}{$i} = 1;
        }
    }
    is_deeply \@wrong, [], 'each pair got one room';
    is scalar(keys %room), $n * ($n - 1) / 2, '... of its own';
    is scalar(grep { keys %$_ != 2 } values %room), 0, '... of two';
    is $server->db->selectrow_array('SELECT count(*) FROM rooms WHERE kind = 2') - $before, $n * ($n - 1) / 2, '... as the database has it';
    my @mine = grep { $room{$_}{0} } keys %room;
    $witness->until(sub { !grep { !$witness->page($_) } @mine });
    is_deeply [sort { $a <=> $b } map { $_->{room}{id} } $witness->frames('room')], [sort { $a <=> $b } @mine], 'everybody is told of each once';
    is_deeply [sort { $a <=> $b } map { $_->{id} } grep { $_->{kind} eq 'direct' } @{$witness->twin->welcome->{rooms}}], [sort { $a <=> $b } @mine], '... and finds it in welcome';
    is_deeply $witness->wrong, [], 'no promise was broken';
    is_problem call($people[0], POST => '/api/direct', {username => 'PAIR0'}), 422, 'bad_name', 'with oneself there is none';
    is_problem remove($people[0], $mine[0], 'pair0'), 403, 'forbidden', 'and nobody leaves it';
};

# who meets whom in this turn of a round robin: the last stays, the others move on
sub partners ($n, $turn) {
    my @with;
    for my $i (0 .. $n - 2) {
        my $j = (2 * $turn - $i) % ($n - 1);
        $with[$i] = $j == $i ? $n - 1 : $j;
    }
    $with[$n - 1] = $turn % ($n - 1);
    return @with;
}

sub direct_request ($from, $to) {
    my $body = encode_json({username => $to->name});
    my %headers = (Host => 'localhost', $from->auth, 'Content-Type' => 'application/json', 'Content-Length' => length $body);
    return join "\r\n", 'POST /api/direct HTTP/1.1', map({"$_: $headers{$_}"} sort keys %headers), '', $body;
}

$server->stop;
done_testing;
