# Fifty people in eight rooms do what comes to their mind, while the server is killed twice; at rest everybody's state is
# the database's.
#
# Each has a plan of their own, made of the seed (CHATTERBOX_SEED repeats it): say, edit, delete, read, join, leave, add,
# remove, hello again, drop the connection and come back after a while, with `since`, an older one, or another epoch.
# What was not acknowledged is sent again, with the same cid. Steps do not wait for each other.
use v5.36;
use Test::More;
use Chatterbox;
use Time::HiRes qw(time);

my $seed = $ENV{CHATTERBOX_SEED} // int rand 1e6;
note "CHATTERBOX_SEED=$seed";

# -- somebody who walks about --

package Walker {
    use v5.36;
    use parent -norequire, 'Chatterbox::Client';
    use Mojo::IOLoop;

    my %again = map { $_ => 1 } qw(storage_unavailable draining rate_limited);    # worth another try
    my %final = map { $_ => 1 } qw(not_found already_deleted forbidden);                   # the room was left, the text is gone

    sub make ($class, $server, $name, $seed) {
        my $self = $server->account($name, "the password of $name");
        bless $self, $class;
        @$self{qw(seed forgetful outbox floor marks phase http)} = ($seed, 1, [], {}, {}, 'off', Chatterbox::user_agent());
        return $self;
    }

    sub chance ($self, $n) { ($self->{seed} = ($self->{seed} * 1103515245 + 12345) & 0x7fffffff) / 65536 % $n }
    sub pick ($self, @from) { @from ? $from[$self->chance(scalar @from)] : undef }

    # -- coming and going --

    sub come ($self) {
        $self->{phase} = 'coming';
        @$self{qw(code inbox welcome histories)} = (undef, [], undef, []);
        my $ua = $self->{ua} = Chatterbox::user_agent();
        $ua->websocket($self->server->ws_url => sub ($ua, $tx) {
            return if ($self->{ua} // 0) != $ua;
            return $self->{phase} = 'off' unless $tx->is_websocket;
            $self->opened($tx);
            $tx->on(finish => sub { $self->gone if ($self->{tx} // 0) == $tx });
            $self->greet;
        });
    }

    sub greet ($self) {
        my %stand = $self->stand;
        my $how   = $self->chance(10);
        $stand{since} = {map { $_ => $self->older($stand{since}{$_}) } keys %{$stand{since}}} if $how == 0;
        $stand{epoch} = 'another' if $how == 1;
        $self->{phase} = 'greeting';
        $self->hello(defined $stand{epoch} ? %stand : ());
    }

    sub older ($self, $rev) { my $old = $rev - $self->chance(60); $old < 0 ? 0 : $old }

    sub gone ($self) { @$self{qw(phase tx ua)} = ('off', undef, undef) }

    sub leave_suddenly ($self) {
        $self->drop;
        $self->gone;
    }

    # -- what is heard --

    sub on_text ($self, $bytes) {
        $self->SUPER::on_text($bytes);
        my $frame = Mojo::JSON::decode_json($bytes);
        my $hear  = $self->can("on_$frame->{type}");
        $self->$hear($frame) if $hear;
        return unless $self->{phase} eq 'greeting' && $self->is_in;
        $self->{phase} = 'in';
        $self->send($_->{frame}) for @{$self->{outbox}};
    }

    sub on_welcome ($self, $frame) {
        my %in = map { $_->{id} => $_ } @{$frame->{rooms}};
        $self->forget($_) for grep { !$in{$_} } keys %{$self->{rev}};
        for my $room (values %in) {
            my %marks = map { $_->[0] => $_->[1] } @{$room->{marks}};
            for my $name (keys %{$self->{marks}{$room->{id}} // {}}) {
                $self->complain("the mark of $name went back", $room) if ($marks{$name} // 0) < $self->{marks}{$room->{id}}{$name};
            }
            $self->{marks}{$room->{id}} = \%marks;
        }
    }

    sub on_history ($self, $frame) {
        my ($room, $first) = ($frame->{room}, $frame->{messages}[0]);
        return unless $frame->{reset} || !defined $self->{since}{$room};
        $self->{floor}{$room} = $frame->{more} ? $first->{id} : 0;
    }

    sub on_room ($self, $frame) {
        my $room = $frame->{room}{id};
        return $self->forget($room) unless $frame->{joined};
        return unless $frame->{room}{marks};    # it was only changed
        $self->forget($room);
        $self->{marks}{$room} = {map { $_->[0] => $_->[1] } @{$frame->{room}{marks}}};
    }

    sub on_read ($self, $frame) {
        my $mark = \$self->{marks}{$frame->{room}}{$frame->{username}};
        $self->complain('a mark that is not forward', $frame) if ($$mark // 0) >= $frame->{id};
        $$mark = $frame->{id};
    }

    sub on_ack   ($self, $frame) { $self->answer_to($frame) }
    sub on_error ($self, $frame) { $self->answer_to($frame) }

    sub answer_to ($self, $frame) {
        my ($item) = grep { $_->{frame}{cid} eq ($frame->{cid} // '') } @{$self->{outbox}} or return;
        if ($frame->{type} eq 'error' && $again{$frame->{code}}) {
            Mojo::IOLoop->timer(0.2 => sub { $self->send($item->{frame}) if $self->{phase} eq 'in' });
            return;
        }
        $self->complain('refused', $frame) if $frame->{type} eq 'error' && !$final{$frame->{code}};
        $self->{kept}{$frame->{cid}} = $frame->{id} if $frame->{type} eq 'ack' && $item->{frame}{type} eq 'message';
        @{$self->{outbox}} = grep { $_ != $item } @{$self->{outbox}};
    }

    sub forget ($self, $room) {
        delete $self->{$_}{$room} for qw(rev floor marks since);
        delete $self->{messages}{$_->{id}} for grep { $_->{room} == $room } values %{$self->{messages}};
    }

    # -- what is done --

    sub do_it ($self, $frame) {
        $frame->{cid} = $self->new_cid;
        $self->{asked}{$frame->{cid}} = $frame;
        push @{$self->{outbox}}, {frame => $frame};
        $self->{tried}{$frame->{cid}} = 1 if $frame->{type} eq 'message';
        $self->send($frame) if $self->{phase} eq 'in';
    }

    sub call ($self, $method, $path, $body = undef) {
        ++$main::under_way;
        my $tx = $self->{http}->build_tx($method => $self->server->url . $path, {$self->auth}, $body ? (json => $body) : ());
        $self->{http}->start($tx => sub { --$main::under_way });
    }

    sub mine  ($self) { grep { $_->{username} eq $self->name && !$_->{deleted} } values %{$self->{messages}} }
    sub sorted (@messages) { sort { $a->{id} <=> $b->{id} } @messages }

    sub step ($self, $rooms) {
        my $dice = $self->chance(100);
        if ($self->{phase} eq 'off') {
            return if $dice < 60;    # away for a while; what comes to mind is written down
            return $self->come if $dice < 90;
        }
        my $room = $self->pick(sort { $a <=> $b } keys %{$self->{rev}});
        my $some = $self->pick(grep { !$_->{fixed} } @$rooms);
        if    ($dice < 40) { $self->do_it({type => 'message', room => $room + 0, text => $self->name . " says $dice " . $self->chance(1e6)}) if $room }
        elsif ($dice < 52) { my $m = $self->pick(sorted($self->mine)); $self->do_it({type => 'edit', id => $m->{id}, text => "edited " . $self->chance(1e6)}) if $m }
        elsif ($dice < 58) { my $m = $self->pick(sorted($self->mine)); $self->do_it({type => 'delete', id => $m->{id}}) if $m }
        elsif ($self->{phase} ne 'in') { }
        elsif ($dice < 76) { my $m = $self->pick(sorted(values %{$self->{messages}})); $self->send({type => 'read', room => $m->{room}, id => $m->{id}}) if $m }
        elsif ($dice < 82) { $self->call(POST => "/api/rooms/$some->{id}/members", {}) if $some->{kind} eq 'public' }
        elsif ($dice < 86) { $self->call(DELETE => "/api/rooms/$some->{id}/members/" . $self->name) if $some->{owner} ne $self->name }
        elsif ($dice < 90) {
            my $other = $self->pick(@main::walkers)->name;
            my ($own) = grep { $_->{owner} eq $self->name } @$rooms;
            $self->call(POST => "/api/rooms/$own->{id}/members", {username => $other}) if $own && $self->chance(2);
            $self->call(DELETE => "/api/rooms/$own->{id}/members/$other") if $own && $other ne $self->name;
        }
        elsif ($dice < 93) { $self->greet if $self->is_in }
        elsif ($dice < 97) { $self->leave_suddenly }
    }
}

# -- the world --

our ($under_way, @walkers) = (0);
my $server = Chatterbox->start('num-threads' => 2);
my $slow   = $server->sanitized;
@walkers = map { Walker->make($server, sprintf('w%02d', $_), $seed * 64 + $_) } 1 .. 50;
my @rooms = ({id => 1, kind => 'public', owner => '', fixed => 1});
for my $i (0 .. 4) {
    my $kind = $i < 3 ? 'public' : 'private';
    my $room = $walkers[$i]->post('/api/rooms', {kind => $kind, name => "room $i"})->json;
    push @rooms, {id => $room->{id}, kind => $kind, owner => $walkers[$i]->name};
}
push @rooms, {id => $walkers[$_->[0]]->post('/api/direct', {username => $walkers[$_->[1]]->name})->json->{id}, kind => 'direct', owner => '', fixed => 1}
    for [10, 11], [11, 12];

my $steps = 0;

sub walk_for ($seconds) {
    my $until = time + $seconds;
    my $turn  = 0;
    my $tick  = Mojo::IOLoop->recurring(($slow ? 0.006 : 0.002) => sub { $walkers[$turn++ % @walkers]->step(\@rooms); ++$steps });
    wait_until 'they have walked', sub { time > $until }, $seconds + 20;
    Mojo::IOLoop->remove($tick);
}

# everybody is in, everything is answered
sub come_to_rest {
    wait_until 'everybody is in, and everything is answered', sub {
        for my $walker (@walkers) { $walker->come if $walker->{phase} eq 'off' }
        return $under_way == 0 && !grep { $_->{phase} ne 'in' || @{$_->{outbox}} } @walkers;
    }, 60;
    my $revs = $server->db->selectall_hashref('SELECT id, rev FROM rooms', 'id');
    wait_until 'everybody has heard the last change', sub {
        !grep { my $walker = $_; grep { $walker->{rev}{$_} < $revs->{$_}{rev} } keys %{$walker->{rev}} } @walkers;
    }, 30;
    # marks are not numbered: a hello's answer stands behind all that was told before
    $_->greet for @walkers;
    wait_until 'everybody is welcomed again', sub { !grep { $_->{phase} ne 'in' } @walkers }, 30;
}

# -- what must hold --

sub complain_if_any ($what, @complaints) {
    is_deeply [@complaints[0 .. ($#complaints < 4 ? $#complaints : 4)]], [], $what;
}

sub as_text ($m) { Mojo::JSON::encode_json([@$m{qw(id rev username cid)}, $m->{deleted} ? undef : $m->{text}, $m->{edited} || 0, $m->{deleted} ? 1 : 0]) }

# the database's messages of a room, as texts, by id
sub of_database ($db, $room) {
    my $rows = $db->selectall_arrayref(
        'SELECT id, rev, username, cid, message AS text, edited, deleted FROM messages WHERE room_id = ? ORDER BY id', {Slice => {}}, $room);
    return [map { [$_->{id}, as_text($_)] } @$rows];
}

sub check_walker ($walker, $db, $truth) {
    my @wrong = @{$walker->wrong};
    my $name  = $walker->name;
    my $in    = $db->selectcol_arrayref('SELECT room_id FROM members JOIN users ON users.id = user_id WHERE username = ? AND here ORDER BY room_id', undef, $name);
    push @wrong, "is in @$in, and believes @{[sort { $a <=> $b } keys %{$walker->{rev}}]}" if "@$in" ne join ' ', sort { $a <=> $b } keys %{$walker->{rev}};
    for my $room (@$in) {
        my $floor = $walker->{floor}{$room};
        push(@wrong, "room $room without a history"), next unless defined $floor && defined $walker->{rev}{$room};
        my @want = map { $_->[1] } grep { $_->[0] >= $floor } @{$truth->{$room}{messages}};
        my @have = map { as_text($_) } sort { $a->{id} <=> $b->{id} } grep { $_->{room} == $room && $_->{id} >= $floor } values %{$walker->{messages}};
        my ($i) = grep { ($have[$_] // '') ne ($want[$_] // '') } 0 .. ($#have > $#want ? $#have : $#want);
        push @wrong, "room $room: has " . ($have[$i] // 'nothing') . ', should have ' . ($want[$i] // 'nothing') if defined $i;
        push @wrong, "room $room: rev $walker->{rev}{$room}, not $truth->{$room}{rev}" if $walker->{rev}{$room} != $truth->{$room}{rev};
        my $marks = Mojo::JSON::encode_json($walker->{marks}{$room} // {});
        push @wrong, "room $room: marks $marks, not $truth->{$room}{marks}" if $marks ne $truth->{$room}{marks};
    }
    push @wrong, check_unread($walker, $db);
    return map {"$name (seed $seed): $_"} @wrong;
}

sub check_unread ($walker, $db) {
    my @wrong;
    for my $room (grep { exists $_->{unread} } @{$walker->get('/api/rooms')->json->{rooms}}) {
        my ($unread) = $db->selectrow_array(
            'SELECT count(*) FROM messages JOIN members USING (room_id) JOIN users ON users.id = members.user_id'
                . ' WHERE room_id = ? AND users.username = ? AND messages.id > max(read_id, joined_id) AND messages.user_id <> users.id AND deleted = 0',
            undef, $room->{id}, $walker->name);
        push @wrong, "room $room->{id}: unread $room->{unread}, not $unread" if $room->{unread} != $unread;
    }
    return @wrong;
}

sub truth ($db) {
    my %truth;
    for my $id (map { $_->{id} } @rooms) {
        my ($rev)  = $db->selectrow_array('SELECT rev FROM rooms WHERE id = ?', undef, $id);
        my $marks = $db->selectall_arrayref('SELECT username, read_id FROM members JOIN users ON users.id = user_id WHERE room_id = ? AND read_id > 0', undef, $id);
        $truth{$id} = {rev => $rev, messages => of_database($db, $id), marks => Mojo::JSON::encode_json({map { $_->[0] => $_->[1] + 0 } @$marks})};
    }
    return \%truth;
}

sub check_all ($when) {
    come_to_rest();
    my $db    = $server->db;
    my $truth = truth($db);
    complain_if_any "$when: everybody's state is the database's", map { check_walker($_, $db, $truth) } @walkers;
    my %id = map { $_->[0] => $_->[1] } @{$db->selectall_arrayref('SELECT cid, id FROM messages')};
    my ($rows) = $db->selectrow_array('SELECT count(*) FROM messages');
    is $rows, scalar(keys %id), '... each cid is there once';
    complain_if_any '... what was acknowledged is there, under that id', grep {
        my ($cid, $told) = split / /;
        ($id{$cid} // 0) != $told
    } map { my $kept = $_->{kept} // {}; map {"$_ $kept->{$_}"} keys %$kept } @walkers;
    complain_if_any '... and nothing that nobody said', grep { my $cid = $_; !grep { $_->{tried}{$cid} } @walkers } keys %id;
    for my $room (@rooms) {
        my $in = (grep { defined $_->{rev}{$room->{id}} } @walkers)[0] or next;
        is_deeply [map { as_text($_) } @{$in->history($room->{id})}], [map { $_->[1] } @{$truth->{$room->{id}}{messages}}], "... room $room->{id} over HTTP is the same";
    }
}

# -- the story --

story 'three walks, and two deaths' => sub {
    for my $walk (1 .. 3) {
        walk_for($slow ? 4 : 5);
        last if $walk == 3;
        $server->kill9;    # in the midst of it
        my $turn = 0;
        $_->step(\@rooms) for @walkers, @walkers;    # who wants to, writes on
        wait_until 'everybody notices', sub { !grep { $_->{phase} ne 'off' && $_->{phase} ne 'coming' } @walkers };
        $server->launch;
        check_all("after death $walk") if $walk == 1;
    }
    check_all('in the end');
    my ($said) = $server->db->selectrow_array('SELECT count(*) FROM messages');
    my ($changes) = $server->db->selectrow_array('SELECT sum(rev) FROM rooms');
    cmp_ok $said, '>', $slow ? 200 : 1000, "$said messages, $changes changes in $steps steps";
};

diag "CHATTERBOX_SEED=$seed" unless Test::More->builder->is_passing;
$server->stop;
done_testing;
