package Chatterbox::World;

# Chatterbox::World -- people who walk about on one server, and what must hold whatever happens to it meanwhile.
#
#     my $world = Chatterbox::World->new($server, people => 8, seed => 4711);
#     $world->walk_until('it died', sub { $server->exited }, 20);
#     $server->launch;
#     $world->come_to_rest;
#     is_deeply [$world->complaints], [], 'everybody\'s state is the database\'s, and nothing is lost';
#
# The first five make a room each, three public and two private; three more share two direct ones.

use v5.36;

use Chatterbox;
use Chatterbox::Walker;
use Mojo::IOLoop;
use Mojo::JSON qw(encode_json);
use Time::HiRes qw(time);

sub new ($class, $server, %o) {
    my $self = bless {server => $server, under_way => 0, steps => 0, pace => $server->sanitized ? 0.006 : 0.002, %o}, $class;
    my @w = $self->{walkers}->@* = map { Chatterbox::Walker->make($self, sprintf('w%02d', $_), $o{seed} * 64 + $_) } 1 .. $o{people};
    my @rooms = ({id => 1, kind => 'public', owner => '', fixed => 1});
    for my $i (0 .. 4) {
        my $kind = $i < 3 ? 'public' : 'private';
        my $room = $w[$i]->post('/api/rooms', {kind => $kind, name => "room $i"})->json;
        push @rooms, {id => $room->{id}, kind => $kind, owner => $w[$i]->name};
    }
    for my $pair ([-3, -2], [-2, -1]) {
        my $room = $w[$pair->[0]]->post('/api/direct', {username => $w[$pair->[1]]->name})->json;
        push @rooms, {id => $room->{id}, kind => 'direct', owner => '', fixed => 1};
    }
    $self->{rooms} = \@rooms;
    return $self;
}

sub server  ($self) { $self->{server} }
sub walkers ($self) { @{$self->{walkers}} }
sub steps   ($self) { $self->{steps} }

# -- what happens --

sub step ($self) { $self->{walkers}[$self->{steps}++ % $self->walkers]->step }

sub walk_until ($self, $what, $holds, $seconds) {
    my $tick = Mojo::IOLoop->recurring($self->{pace} => sub { $self->step });
    my $done = eval { wait_until $what, $holds, $seconds };
    Mojo::IOLoop->remove($tick);
    die $@ unless $done;
}

sub walk_for ($self, $seconds) {
    my $until = time + $seconds;
    $self->walk_until('they have walked', sub { time > $until }, $seconds + 20);
}

# the server is gone, and everybody noticed
sub notice_the_end ($self) {
    wait_until 'everybody notices', sub { !grep { $_->{phase} ne 'off' && $_->{phase} ne 'coming' } $self->walkers };
}

# everybody is in, everything is answered
sub come_to_rest ($self) {
    my $server = $self->server;
    wait_until 'everybody is in, and everything is answered', sub {
        for my $walker ($self->walkers) { $walker->come if $walker->{phase} eq 'off' }
        return $self->{under_way} == 0 && !grep { $_->{phase} ne 'in' || @{$_->{outbox}} } $self->walkers;
    }, 60;
    my $revs = $server->db->selectall_hashref('SELECT id, rev FROM rooms', 'id');
    wait_until 'everybody has heard the last change', sub {
        !grep { my $walker = $_; grep { $walker->{rev}{$_} < $revs->{$_}{rev} } keys %{$walker->{rev}} } $self->walkers;
    }, 30;
    # marks are not numbered: a hello's answer stands behind all that was told before
    $_->greet for $self->walkers;
    wait_until 'everybody is welcomed again', sub { !grep { $_->{phase} ne 'in' } $self->walkers }, 30;
}

# -- what must hold: each returns what does not, in words --

sub as_text ($m) { encode_json([@$m{qw(id rev username cid)}, $m->{deleted} ? undef : $m->{text}, $m->{edited} || 0, $m->{deleted} ? 1 : 0]) }

# what the database has: rooms with their rev, marks and messages (by id)
sub truth ($self, $db) {
    my %truth;
    for my $id (map { $_->{id} } @{$self->{rooms}}) {
        my ($rev) = $db->selectrow_array('SELECT rev FROM rooms WHERE id = ?', undef, $id);
        my $marks = $db->selectall_arrayref('SELECT username, read_id FROM members JOIN users ON users.id = user_id WHERE room_id = ? AND read_id > 0', undef, $id);
        my $messages = $db->selectall_arrayref(
            'SELECT id, rev, username, cid, message AS text, edited, deleted FROM messages WHERE room_id = ? ORDER BY id', {Slice => {}}, $id);
        $truth{$id} = {
            rev      => $rev,
            marks    => encode_json({map { $_->[0] => $_->[1] + 0 } @$marks}),
            rows     => $messages,
            messages => [map { [$_->{id}, as_text($_)] } @$messages]
        };
    }
    return \%truth;
}

# where a walker's belief and the database differ
sub of_walker ($walker, $db, $truth) {
    my @wrong = @{$walker->wrong};
    my $in    = $db->selectcol_arrayref('SELECT room_id FROM members JOIN users ON users.id = user_id WHERE username = ? AND here ORDER BY room_id', undef, $walker->name);
    push @wrong, "is in @$in, and believes @{[sort { $a <=> $b } keys %{$walker->{rev}}]}" if "@$in" ne join ' ', sort { $a <=> $b } keys %{$walker->{rev}};
    for my $room (@$in) {
        my $floor = $walker->{floor}{$room};
        push(@wrong, "room $room without a history"), next unless defined $floor && defined $walker->{rev}{$room};
        my @want = map { $_->[1] } grep { $_->[0] >= $floor } @{$truth->{$room}{messages}};
        my @have = map { as_text($_) } sort { $a->{id} <=> $b->{id} } grep { $_->{room} == $room && $_->{id} >= $floor } values %{$walker->{messages}};
        my ($i) = grep { ($have[$_] // '') ne ($want[$_] // '') } 0 .. ($#have > $#want ? $#have : $#want);
        push @wrong, "room $room: has " . ($have[$i] // 'nothing') . ', should have ' . ($want[$i] // 'nothing') if defined $i;
        push @wrong, "room $room: rev $walker->{rev}{$room}, not $truth->{$room}{rev}" if $walker->{rev}{$room} != $truth->{$room}{rev};
        my $marks = encode_json($walker->{marks}{$room} // {});
        push @wrong, "room $room: marks $marks, not $truth->{$room}{marks}" if $marks ne $truth->{$room}{marks};
    }
    return map { $walker->name . ": $_" } @wrong, unread($walker, $db);
}

sub unread ($walker, $db) {
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

# what was acknowledged and is not there: losses. Needs nobody to be connected.
sub losses ($self) {
    my $db = $self->server->db;
    my %id  = map { $_->[0] => $_->[1] } @{$db->selectall_arrayref('SELECT cid, id FROM messages')};
    my $row = $db->selectall_hashref('SELECT id, rev, message, deleted FROM messages', 'id');
    my @lost;
    for my $walker ($self->walkers) {
        my ($kept, $promised) = ($walker->{kept} // {}, $walker->{promised} // {});
        push @lost, map {"lost: $_, acknowledged as $kept->{$_}"} grep { ($id{$_} // 0) != $kept->{$_} } keys %$kept;
        for my $message (keys %$promised) {
            my ($told, $have) = ($promised->{$message}, $row->{$message});
            my $text = $have && !$have->{deleted} ? $have->{message} : undef;
            push @lost, "lost: the change $told->{rev} of $message"
                if !$have || $have->{rev} < $told->{rev} || $have->{rev} == $told->{rev} && ($text // "\0") ne ($told->{text} // "\0");
        }
    }
    return @lost;
}

# messages that are there twice, that nobody said, or that stand before one that was said earlier
sub disorder ($self, $truth) {
    my (@wrong, %times);
    my %tried = map { %{$_->{tried} // {}} } $self->walkers;
    for my $room (keys %$truth) {
        my %last;
        for my $row (@{$truth->{$room}{rows}}) {
            my ($n) = $row->{cid} =~ /^w\d+-(\d+)-/;
            push @wrong, "room $room: $row->{cid} is there twice"        if $times{$row->{cid}}++;
            push @wrong, "room $room: nobody said $row->{cid}"           if !$tried{$row->{cid}};
            push @wrong, "room $room: $row->{cid} stands in a wrong place" if $n < ($last{$row->{username}} // 0);
            $last{$row->{username}} = $n;
        }
    }
    return @wrong;
}

# everything; the people are at rest
sub complaints ($self) {
    my $db    = $self->server->db;
    my $truth = $self->truth($db);
    return $self->losses, $self->disorder($truth), map { of_walker($_, $db, $truth) } $self->walkers;
}

# the history over HTTP says what the database has
sub http_complaints ($self) {
    my $truth = $self->truth($self->server->db);
    my @wrong;
    for my $room (map { $_->{id} } @{$self->{rooms}}) {
        my ($in) = grep { defined $_->{rev}{$room} } $self->walkers;
        next unless $in;
        my $told = join "\n", map { as_text($_) } @{$in->history($room)};
        push @wrong, "room $room over HTTP differs" if $told ne join "\n", map { $_->[1] } @{$truth->{$room}{messages}};
    }
    return @wrong;
}

# what was said and changed so far
sub changes ($self) { ($self->server->db->selectrow_array('SELECT sum(rev) FROM rooms'))[0] }
sub said    ($self) { ($self->server->db->selectrow_array('SELECT count(*) FROM messages'))[0] }

# how many changes have been acknowledged
sub acknowledged ($self) {
    my $n = 0;
    $n += keys(%{$_->{kept} // {}}) + keys(%{$_->{promised} // {}}) for $self->walkers;
    return $n;
}

1;
