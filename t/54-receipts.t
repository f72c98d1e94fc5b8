# Receipts that can't lie. Ten thousand `read` frames, many of them repeated, out of order or forged, from people with several tabs
# in several rooms while messages arrive; and next to it a model in plain Perl, which knows only this: a mark is the highest id
# that was accepted, and accepted is what a member says, above 0 and not above the newest message of that room. At rest everything
# that anybody can know of the marks must be the model's: the events, a new hello, the list of rooms over HTTP, all that again
# after a kill -9; and which message was seen follows from it. Then a room of more than 64, where only the two highest marks
# travel, and which message was seen must follow from these two.
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use List::Util qw(max min sum0 uniq);
use Mojo::JSON qw(encode_json);
use Socket qw(IPPROTO_TCP TCP_NODELAY);

my $seed    = $ENV{CHATTERBOX_SEED} // (time ^ $$) & 0x7fffffff;
my $nowhere = 9007199254740991;    # an id that no message has: what is said of it is refused by the core, in order
note "CHATTERBOX_SEED=$seed";

# our own dice: Perl's are thrown by the client too, how often depends on the network
sub dice ($sides) {
    use integer;
    state $state = $seed;
    $state = $state * 6364136223846793005 + 1442695040888963407;
    return (($state >> 33) & 0x7fffffff) % $sides;
}
sub pick (@from) { $from[dice(scalar @from)] }

# -- the model: rooms with members (name => newest id when they joined), messages, marks, and who has seen what --

sub model () { {rooms => {}, newest => 0} }

sub has_room ($model, $id, @members) {
    $model->{rooms}{$id} = {id => $id, last => 0, members => {map { $_ => 0 } @members}, marks => {}, messages => [], told => {}};
}

sub has_joined ($model, $id, $name) { $model->{rooms}{$id}{members}{$name} = $model->{rooms}{$id}{last} }

sub has_said ($model, $id, $author, $message) {
    my $room = $model->{rooms}{$id};
    push @{$room->{messages}}, {id => $message, author => $author};
    @{$room->{messages}} = sort { $a->{id} <=> $b->{id} } @{$room->{messages}};
    $room->{last}      = max $room->{last}, $message;
    $model->{newest}   = max $model->{newest}, $message;
}

sub rooms_with    ($model, $name) { grep { exists $_->{members}{$name} } map { $model->{rooms}{$_} } sort keys %{$model->{rooms}} }
sub rooms_without ($model, $name) { grep { !exists $_->{members}{$name} } map { $model->{rooms}{$_} } sort keys %{$model->{rooms}} }

# a `read` frame is a list of keys and values, the values as JSON text: whatever they are, here is what they mean
sub whole ($frame, $key) {
    my @values = map { $frame->[2 * $_] eq $key ? $frame->[2 * $_ + 1] : () } 0 .. $#$frame / 2;
    return @values == 1 && $values[0] =~ /^(?:0|[1-9]\d{0,15})$/ && $values[0] < 2**53 ? $values[0] : undef;
}

# what becomes of it: the code of an error, or '', and then the mark has moved, if that was forward
sub judge ($model, $name, $frame) {
    my ($room, $id) = map { whole($frame, $_) } qw(room id);
    return 'bad_frame' unless defined $room && defined $id;
    return 'not_found' unless $room = $model->{rooms}{$room};
    return 'not_found' unless exists $room->{members}{$name} && $id <= $room->{last};
    has_read($room, $name, $id) if $id > 0;
    return '';
}

sub has_read ($room, $name, $id) {
    $room->{told}{$name}{$id} = 1;
    return if $id <= ($room->{marks}{$name} // 0);
    $room->{marks}{$name} = $id;
    $_->{seen} = 1 for grep { $_->{id} <= $id && $_->{author} ne $name } @{$room->{messages}};
}

sub unread ($room, $name) {
    my $behind = max $room->{members}{$name}, $room->{marks}{$name} // 0;
    return scalar grep { $_->{id} > $behind && $_->{author} ne $name && !$_->{deleted} } @{$room->{messages}};
}

# -- what people know --

# the marks as a client believes them, {room => {name => id}}: those of its last welcome, moved by what it was told since; and
# what it should not have been told
sub believes ($client, $model) {
    my (%marks, @wrong);
    for my $frame ($client->frames) {
        if ($frame->{type} eq 'welcome') { %marks = map { $_->{id} => marks_of($_) } @{$frame->{rooms}} }
        elsif ($frame->{type} eq 'room') { $marks{$frame->{room}{id}} //= marks_of($frame->{room}) }
        next unless $frame->{type} eq 'read';
        my ($room, $name, $id) = @$frame{qw(room username id)};
        my $lie
            = !$marks{$room}                                    ? 'of a room that one is not in'
            : $id <= ($marks{$room}{$name} // 0)                ? "not forward from $marks{$room}{$name}"
            : !$model->{rooms}{$room}{told}{$name}{$id}         ? 'which nobody may have said'
            :                                                     undef;
        push @wrong, encode_json($frame) . " $lie" if $lie;
        $marks{$room}{$name} = $id;
    }
    return (\%marks, @wrong);
}

sub marks_of ($room) { +{map {@$_} @{$room->{marks}}} }

# is the message seen, for one who knows these marks?
sub is_seen ($marks, $author, $id) { scalar grep { $_ ne $author && $marks->{$_} >= $id } keys %$marks }

# what is wrong with the marks, and with which message is seen
sub compare_marks ($what, $marks, $room) {
    my @wrong = map {
        my ($have, $want) = map { $_ // 0 } $marks->{$_}, $room->{marks}{$_};
        $have == $want ? () : "$what, room $room->{id}: the mark of $_ is $have, not $want"
    } sort(uniq(keys %$marks, keys %{$room->{marks}}));
    return @wrong, map {
        !is_seen($marks, @$_{qw(author id)}) == !$_->{seen} ? () : "$what, room $room->{id}: message $_->{id} is " . ($_->{seen} ? 'not ' : '') . 'seen'
    } @{$room->{messages}};
}

# what is wrong with a room as welcome and HTTP show it to this user
sub compare_room ($what, $name, $shown, $room) {
    my @wrong = compare_marks($what, marks_of($shown), $room);
    my @order = map { $_->[1] } @{$shown->{marks}};
    push @wrong, "$what: the highest mark is not first" if grep { $order[$_] > $order[$_ - 1] } 1 .. $#order;
    my %want = (read_id => $room->{marks}{$name} // 0, unread => unread($room, $name), last_id => $room->{last});
    return @wrong, map { $shown->{$_} == $want{$_} ? () : "$what, room $room->{id}: $_ is $shown->{$_}, not $want{$_}" } sort keys %want;
}

sub compare_rooms ($what, $name, $shown, $model) {
    my %shown = map { $_->{id} => $_ } @$shown;
    return map { $shown{$_->{id}} ? compare_room("$what of $name", $name, $shown{$_->{id}}, $_) : "$what of $name: no room $_->{id}" } rooms_with($model, $name);
}

sub over_http ($client, $model) {
    my $res = $client->get('/api/rooms');
    return $client->name . ': GET /api/rooms answers ' . ($res->code // 'nothing') if ($res->code // 0) != 200;
    my %in = map { $_->{id} => 1 } rooms_with($model, $client->name);
    my @told = grep { !$in{$_->{id}} && grep {defined} @$_{qw(read_id unread marks)} } @{$res->json->{rooms}};
    return compare_rooms('GET /api/rooms', $client->name, $res->json->{rooms}, $model),
        map { $client->name . " is shown marks of room $_->{id}" } @told;
}

sub by_hello ($client, $model) {
    my $new   = $client->twin;
    my @wrong = compare_rooms('a new welcome', $client->name, $new->welcome->{rooms}, $model);
    $new->leave;
    return @wrong;
}

sub by_events ($client, $model) {
    my ($marks, @wrong) = believes($client, $model);
    my %in = map { $_->{id} => 1 } rooms_with($model, $client->name);
    push @wrong, map {"it knows of room $_"} grep { !$in{$_} } sort keys %$marks;
    return map({ $client->name . ": $_" } @wrong), map { compare_marks($client->name, $marks->{$_->{id}} // {}, $_) } rooms_with($model, $client->name);
}

# -- people with tabs, in rooms --

my $server = Chatterbox->start('chatterbox.rate' => 0, 'num-threads' => 3);
my $model  = model();
my %tabs   = (ada => 3, bob => 2, cy => 2, dee => 1, eve => 1);
my @names  = sort keys %tabs;
my %guest  = map { $_ => $server->guest($_) } @names;
my @sent;                    # every `read` frame so far, to be sent again
my (@tabs, @waiting);        # connections; messages that were said, but whose ack was not looked at: [tab, room, cid]

sub tabs_of ($name) { grep { $_->name eq $name } @tabs }

sub make_room ($kind, $owner, @others) {
    my $id = $guest{$owner}->post('/api/rooms', {kind => $kind, name => "room of $owner"})->json->{id};
    my $by = $kind eq 'private' ? sub ($name) { ($owner, {username => $name}) } : sub ($name) { ($name, {}) };
    for my $other (@others) {
        my ($who, $body) = $by->($other);
        is $guest{$who}->post("/api/rooms/$id/members", $body)->code, 200, "$other comes into the $kind room $id";
    }
    has_room($model, $id, $owner, @others);
    return $id;
}

# somebody says something somewhere; the model knows it when its ack was looked at
sub speak ($room = pick(values_of($model->{rooms})), $name = pick(sort keys %{$room->{members}})) {
    my $tab = pick(tabs_of($name));
    push @waiting, [$tab, $room, $tab->say("a message of $name", room => $room->{id}, wait => 0)];
}

sub values_of ($hash) { map { $hash->{$_} } sort keys %$hash }

sub listen_for_acks () {
    while (my $said = shift @waiting) {
        my ($tab, $room, $cid) = @$said;
        has_said($model, $room->{id}, $tab->name, $tab->ack($cid)->{id});
    }
}

# one of the newest, which some have not read
sub take_back_one () {
    my $room    = pick(values_of($model->{rooms}));
    my $message = pick(@{$room->{messages}}[-3 .. -1]);
    return if $message->{deleted};
    my $tab     = pick(tabs_of($message->{author}));
    my $answer  = $tab->answer($tab->delete($message->{id}, wait => 0));
    return fail "a message cannot be taken back: $answer->{code}" if $answer->{type} ne 'ack';
    $message->{deleted} = 1;
}

# -- what they say they have read --

my @no_number = (qw(-1 -0 1.5 7.0 1e2 -1e2 9007199254740992 18446744073709551617 null true "7" [7] {"id":7}), '9' x 400, '""');

sub honest ($room) {
    my @messages = @{$room->{messages}};
    return (room => $room->{id}, id => @messages ? pick(@messages, @messages[-min(4, scalar @messages) .. -1])->{id} : 1);
}

sub any_id () { 1 + dice($model->{newest} + 3) }

my @forged = (
    sub ($room, $other) { (room => $room->{id}, id => any_id()) },                                    # most are of other rooms
    sub ($room, $other) { (room => $room->{id}, id => any_id()) },
    sub ($room, $other) { (room => $room->{id}, id => $room->{last} + 1) },                           # past the newest
    sub ($room, $other) { (room => $room->{id}, id => $room->{last} + 1 + dice(1000)) },
    sub ($room, $other) { (room => $room->{id}, id => $nowhere) },
    sub ($room, $other) { $other ? honest($other) : honest($room) },                                  # not in there
    sub ($room, $other) { (room => $other ? $other->{id} : 0, id => any_id()) },
    sub ($room, $other) { (room => pick(0, 4711, $nowhere), id => any_id()) },
    sub ($room, $other) { (room => $room->{id}, id => 0) },
    sub ($room, $other) { (room => $room->{id}, id => pick(@no_number)) },
    sub ($room, $other) { (room => pick(@no_number), id => any_id()) },
    sub ($room, $other) { (room => $room->{id}) },
    sub ($room, $other) { (id => any_id()) },
    sub ($room, $other) { (honest($room), id => any_id()) },                                          # which of the two?
    sub ($room, $other) { (honest($room), username => '"ada"', user => '"bob"', user_id => 1) }       # for somebody else
);

sub make_frame ($name) {
    return pick(@sent) if @sent && dice(10) == 0;
    my ($room, $other) = (pick(rooms_with($model, $name)), pick(rooms_without($model, $name)));
    return [dice(2) ? honest($room) : pick(@forged)->($room, $other)];
}

# while up to `$more` messages may arrive, nobody knows how the core has to take an id between the newest known and the newest possible
sub is_open_question ($frame, $more) {
    my ($room, $id) = map { whole($frame, $_) } qw(room id);
    $room = defined $room && defined $id ? $model->{rooms}{$room} : undef;
    return $room && $id > $room->{last} && $id <= $model->{newest} + $more;
}

sub send_read ($tab, $frame) {
    my $code = judge($model, $tab->name, $frame);
    $tab->{refused}{$code}++ if $code;
    my @pairs = map {"\"$frame->[2 * $_]\":$frame->[2 * $_ + 1]"} 0 .. $#$frame / 2;
    $tab->send('{' . join(',', '"type":"read"', @pairs) . '}');
}

sub send_some ($count, $talking) {
    for my $n (1 .. $count) {
        speak() if $talking && dice(40) == 0;
        my $tab = pick(@tabs);
        my $frame;
        do { $frame = make_frame($tab->name) } while $talking && is_open_question($frame, $count);
        send_read($tab, $frame);
        push @sent, $frame;
        next if $n % 25;
        Mojo::IOLoop->next_tick(sub { });    # what was sent so far goes, and the order of the connections is another each time
        Mojo::IOLoop->one_tick;
    }
}

# -- at rest --

# waits until the core has decided on all that was sent, and everybody has heard of it: an error in answer to the last frame of each
# connection, then a message in each room, which goes the way of the marks
sub settle () {
    listen_for_acks();
    my @last = map { [$_, $_->delete($nowhere, wait => 0)] } @tabs;
    $_->[0]->error($_->[1]) for @last;
    speak($_) for values_of($model->{rooms});
    my @calls = @waiting;
    listen_for_acks();
    for my $call (@calls) {
        my ($tab, $room, $cid) = @$call;
        $_->reaches($tab->{acks}{$cid}{rev}, $room->{id}) for grep { exists $room->{members}{$_->name} } @tabs;
    }
}

sub is_right ($what, @wrong) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is scalar @wrong, 0, $what or diag join "\n", @wrong > 10 ? (@wrong[0 .. 9], '...') : @wrong;
}

sub count_refused ($tab) {
    my %count;
    $count{$_->{code}}++ for grep { !defined $_->{cid} } $tab->frames('error');
    return encode_json(\%count) eq encode_json($tab->{refused} // {}) ? ()
        : $tab->name . ' was refused ' . encode_json(\%count) . ', not ' . encode_json($tab->{refused} // {});
}

# says more, takes some of it back, and compares all that there is to know
sub check_all ($when) {
    speak() for 1 .. 10;
    listen_for_acks();
    take_back_one() for 1 .. 5;
    settle();
    is_right "$when: the events tell every tab the truth, and only forward", map { by_events($_, $model) } @tabs;
    is_right '... the list of rooms does', map { over_http($guest{$_}, $model) } @names;
    is_right '... a new welcome does',     map { by_hello($guest{$_}, $model) } @names;
    is_right '... each forged frame was refused with its code', map { count_refused($_) } @tabs;
    is_deeply [map { @{$_->wrong} } @tabs], [], '... and no promise was broken';
}

# the `read` events of a room as a tab heard them
sub heard ($tab, $room) { join ' ', map {"$_->{username}:$_->{id}"} grep { $_->{room} == $room->{id} } $tab->frames('read') }

story 'people, rooms and tabs' => sub {
    has_room($model, 1, @names);
    make_room('public',  'ada', qw(bob cy dee));
    make_room('private', 'bob', qw(ada));
    make_room('public',  'eve', qw(dee));
    my $direct = $guest{bob}->post('/api/direct', {username => 'cy'})->json->{id};
    has_room($model, $direct, qw(bob cy));
    @tabs = map { my $name = $_; map { $guest{$name}->twin } 1 .. $tabs{$name} } @names;
    is scalar @tabs, 9, 'nine tabs of five people';
    for my $room (values_of($model->{rooms})) { speak($room) for 1 .. 6 }
    settle();
    my ($garden) = grep { $_->{kind} eq 'public' && $_->{name} =~ /ada/ } @{$guest{eve}->get('/api/rooms')->json->{rooms}};
    is $guest{eve}->post("/api/rooms/$garden->{id}/members")->code, 200, 'one joins later, behind some messages';
    has_joined($model, $garden->{id}, 'eve');
    wait_until 'eve is in', sub { tabs_of('eve') == grep { defined $_->rev($garden->{id}) } tabs_of('eve') };
    check_all('before anybody has read anything');
};

story 'the author has not seen it for others, from whatever tab' => sub {
    speak($model->{rooms}{1}, 'ada');
    listen_for_acks();
    my $id = $model->{newest};
    send_read($_, [room => 1, id => $id]) for tabs_of('ada');
    settle();
    my ($message) = grep { $_->{id} == $id } @{$model->{rooms}{1}{messages}};
    ok !$message->{seen}, 'three tabs of the author have read it';
    is_deeply [map { is_seen((believes($_, $model))[0]->{1}, 'ada', $id) } @tabs], [(0) x @tabs], 'nobody takes it for seen';
    is_right '... nor does a new welcome', map { by_hello($guest{$_}, $model) } @names;
    send_read((tabs_of('bob'))[1], [room => 1, id => $id]);
    settle();
    is_deeply [map { is_seen((believes($_, $model))[0]->{1}, 'ada', $id) } @tabs], [(1) x @tabs], 'one tab of another has read it: seen, for all';
    check_all('then');
};

my $rounds = 32;

story 'a storm of frames' => sub {
    my $before = @sent;
    for my $round (1 .. $rounds) {
        speak() for 1 .. dice(5);
        listen_for_acks();
        take_back_one() if dice(2) == 0;
        send_some(250, $round % 2);
        settle();
        check_all("round $round") if $round % 4 == 0;
    }
    is @sent - $before, 250 * $rounds, 250 * $rounds . ' frames were sent';
    for my $room (values_of($model->{rooms})) {
        my @heard = uniq(map { heard($_, $room) } grep { exists $room->{members}{$_->name} } @tabs);
        is scalar @heard, 1, "room $room->{id}: all hear the same, in the same order";
        ok length $heard[0] > 100, '... and it is much';
    }
    my %refused;
    for my $tab (@tabs) { $refused{$_} += $tab->{refused}{$_} for keys %{$tab->{refused}} }
    ok $refused{$_} > 10 * $rounds, "$refused{$_} were refused with $_" for qw(bad_frame not_found);
};

# all come back, and forget what they heard before
sub come_back () {
    for my $tab (@tabs) {
        @$tab{qw(frames refused)} = ([], {});
        $tab->reconnect;
    }
}

story 'killed at rest' => sub {
    $server->kill9;
    $server->launch;
    is_right 'the list of rooms tells the truth, before anybody is there', map { over_http($guest{$_}, $model) } @names;
    come_back();
    check_all('after the kill');
    for my $round (1 .. 8) {
        send_some(250, $round % 2);
        settle();
    }
    check_all('and it goes on');
};

# what any tab was told of the marks, {room => {name => id}}
sub told_to_anybody () {
    my %told;
    for my $tab (@tabs) {
        my ($marks) = believes($tab, $model);
        for my $room (keys %$marks) {
            $told{$room}{$_} = max $told{$room}{$_} // 0, $marks->{$room}{$_} for keys %{$marks->{$room}};
        }
    }
    return \%told;
}

# how it was lost: a mark is what the server kept, but it was said, and it is no less than what was told
sub accept_losses ($told) {
    my @wrong;
    for my $name (@names) {
        my %shown = map { $_->{id} => $_ } @{$guest{$name}->get('/api/rooms')->json->{rooms}};
        for my $room (rooms_with($model, $name)) {
            my ($mark, $least) = ($shown{$room->{id}}{read_id}, $told->{$room->{id}}{$name} // 0);
            push @wrong, "room $room->{id}, $name: told $least, kept $mark" if $mark < $least;
            push @wrong, "room $room->{id}, $name: $mark was never said" if $mark && !$room->{told}{$name}{$mark};
            $room->{marks}{$name} = $mark;
        }
    }
    for my $room (values_of($model->{rooms})) {
        $_->{seen} = is_seen($room->{marks}, $_->{author}, $_->{id}) for @{$room->{messages}};
    }
    return @wrong;
}

# everybody reads on, a message at a time, everywhere, and the server is killed somewhere on the way
sub read_until_killed ($steps) {
    for my $nth (-$steps .. -1) {
        for my $tab (@tabs) { send_read($tab, [room => $_->{id}, id => $_->{messages}[$nth]{id}]) for rooms_with($model, $tab->name) }
        Mojo::IOLoop->next_tick(sub { });
        Mojo::IOLoop->one_tick;
        last if $nth == -1 - dice($steps);
    }
    $server->kill9;
    wait_until 'everybody notices', sub { !grep { $_->is_open } @tabs };
}

my $kills = 5;

for my $time (1 .. $kills) {
    story "killed in full flow, $time: what was told was durable" => sub {
        for my $room (values_of($model->{rooms})) { speak($room) for 1 .. 40 }
        settle();
        read_until_killed(40);
        is_right 'nothing was told but the truth', map { my ($marks, @wrong) = believes($_, $model); @wrong } @tabs;
        my $told = told_to_anybody();
        $server->launch;
        is_right 'no mark is behind what was told, or one that nobody said', accept_losses($told);
        come_back();
        check_all('after the kill');
    };
}

$_->leave for grep { $_->is_open } @tabs;
$server->stop;

# -- more than 64 --

# A room of many: everybody's mark is in the model, in the order of moves; @$expect is what is to be told.
my (%crowd, %marks, @said, @expect);
my $hall;

sub members () { scalar keys %crowd }
sub second  () { (sort { $b <=> $a } 0, 0, values %marks)[1] }

# says over HTTP, so that it takes no connection; the newest id
sub crowd_says ($name) {
    my $id = $crowd{$name}->post('/api/rooms/1/messages', {text => 'hear'})->json->{id};
    push @said, [$name, $id];
    return $id;
}

# moves a mark, by a connection that lives just as long, and knows who has to hear of it: above 64 members only what is above the
# second highest mark changes one of the two highest
sub crowd_reads ($name, $id) {
    my $raw = Chatterbox::Raw->join($hall, $crowd{$name});
    setsockopt $raw->{socket}, IPPROTO_TCP, TCP_NODELAY, 1;    # two small frames: the second must not wait for the first one's ACK
    $raw->json({type => 'read', room => 1, id => $id});
    $raw->json({type => 'delete', cid => 'done', id => $nowhere});
    $raw->next('error');
    close $raw->{socket};
    return if $id <= ($marks{$name} // 0);
    push @expect, [$name, $id] if members() <= 64 || $id > second();
    $marks{$name} = $id;
}

# moves of `@movers` at random: many of them near the front, some at it, some forth and back
sub crowd_moves ($count, @movers) {
    my $mover = pick(@movers);
    for (1 .. $count) {
        crowd_says(pick(@movers)) if dice(2) == 0;
        $mover = pick(@movers)    if dice(3) != 0;    # else the same one again: who leads, moves on
        my $back = pick(0, 0, 1, 1, 2, 3, 5, dice(20));
        crowd_reads($mover, $said[-1 - min($back, $#said)][1]);
    }
}

sub is_told ($what, @watchers) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $last = $watchers[0]->ack($watchers[0]->say('is that all?'));
    push @said, [$watchers[0]->name, $last->{id}];
    for my $watcher (@watchers) {
        $watcher->reaches($last->{rev});
        is_deeply [map { [@$_{qw(username id)}] } $watcher->frames('read')], \@expect, "$what, hears " . $watcher->name;
    }
}

# the two highest of these marks
sub two_of ($marks) {
    my @names = sort { $marks->{$b} <=> $marks->{$a} || $a cmp $b } keys %$marks;
    return {map { $_ => $marks->{$_} } grep {defined} @names[0, 1]};
}

# every message, and for good measure one by each of those who have a mark, judged by two marks and by all
sub judged_wrong ($two) {
    my @cases = map { my $id = $_->[1]; map { [$_, $id] } uniq($_->[0], keys %marks) } @said;
    return map {"message $_->[1] by $_->[0]"} grep { !is_seen($two, @$_) != !is_seen(\%marks, @$_) } @cases;
}

# what all watchers believe, a new welcome and HTTP say
sub two_suffice ($when, @watchers) {
    my $someone = $crowd{g1}->twin;
    my ($welcome) = grep { $_->{id} == 1 } @{$someone->welcome->{rooms}};
    my ($http)    = grep { $_->{id} == 1 } @{$someone->get('/api/rooms')->json->{rooms}};
    $someone->leave;
    for (['welcome', $welcome], ['the list of rooms', $http]) {
        my ($where, $room) = @$_;
        my @pairs = @{$room->{marks}};
        is scalar @pairs, 2, "$when: two marks in $where";
        is scalar(uniq(map { $_->[0] } @pairs)), 2, '... of two users';
        is_deeply [map { $_->[1] } @pairs], [(sort { $b <=> $a } values %marks)[0, 1]], '... the highest, in order';
        is_deeply [map { $marks{$_->[0]} } @pairs], [map { $_->[1] } @pairs], '... and theirs';
        is_right '... enough to tell for every message and author whether it was seen', judged_wrong(marks_of($room));
    }
    for my $watcher (@watchers) {
        my ($believed) = believes($watcher, {rooms => {1 => {}}});
        is_right "$when: so are the two that " . $watcher->name . ' knows', judged_wrong(two_of($believed->{1}));
    }
}

story 'a room of more than 64' => sub {
    $hall = Chatterbox->start('chatterbox.rate' => 0);
    %crowd = map { $_ => $hall->guest($_) } 'ann', 'ben', map {"g$_"} 1 .. 62;
    my @watchers = map { $crowd{$_}->twin } qw(ann ben ben);
    my @movers   = ('ann', 'ben', map {"g$_"} 2 .. 9);
    is members(), 64, 'they are 64';
    crowd_says(pick(@movers)) for 1 .. 10;
    crowd_moves(40, @movers);
    is_told('64: everybody\'s moves are told', @watchers);
    my $of_few = @expect;

    $crowd{$_} = $hall->guest($_) for 'g63';
    is members(), 65, 'they are 65';
    crowd_moves(300, @movers, map {"g$_"} 10 .. 20);
    is_told('65: only the two highest', @watchers);
    two_suffice('with 65', @watchers);
    cmp_ok @expect - $of_few, '<', 250, 'not every move was one of these';

    my $newest = crowd_says('g2');
    crowd_reads($_, $newest) for qw(g2 g2 g3 g4 g5 g3);
    is_deeply [@expect[-2, -1]], [['g2', $newest], ['g3', $newest]], 'two at the newest: the others change nothing';
    is_told('... and are not told', @watchers);
    two_suffice('at the newest', @watchers);
    $newest = crowd_says('g3');
    crowd_reads('g3', $newest);
    is_told('one is first alone, his own message', @watchers);
    two_suffice('then', @watchers);

    $hall->kill9;
    $hall->launch;
    for my $watcher (@watchers) { $watcher->{frames} = []; $watcher->reconnect }
    @expect = ();
    two_suffice('after a kill -9', @watchers);
    crowd_moves(40, @movers, 'g30', 'g31');
    is_told('and it goes on', @watchers);
    two_suffice('in the end', @watchers);

    is $crowd{g62}->post('/api/logout')->code, 204, 'one without a mark goes for good';
    delete $crowd{g62};
    is members(), 64, 'they are 64 again';
    crowd_moves(20, @movers);
    is_told('everybody\'s moves are told again', @watchers);
    my ($room) = grep { $_->{id} == 1 } @{$crowd{g1}->get('/api/rooms')->json->{rooms}};
    is_deeply marks_of($room), \%marks, '... and everybody\'s marks shown';
    is_deeply [map { @{$_->wrong} } @watchers], [], 'no promise was broken';
    $_->leave for @watchers;
    $hall->stop;
};

diag "CHATTERBOX_SEED=$seed repeats this" unless Test::More->builder->is_passing;
done_testing;
