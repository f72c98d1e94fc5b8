package Chatterbox::Walker;

# Chatterbox::Walker -- a client who does what comes to their mind, in a Chatterbox::World.
#
# Each has a plan of their own, made of the seed: say, edit, delete, read, join, leave, add, remove, hello again, drop the
# connection and come back after a while, with `since`, an older one, or another epoch. What was not acknowledged is sent
# again, in order and with the same cid. Steps do not wait for each other.

use v5.36;
use parent 'Chatterbox::Client';

use Mojo::IOLoop;
use Scalar::Util ();

my %again = map { $_ => 1 } qw(storage_unavailable draining rate_limited);    # worth another try
my %final = map { $_ => 1 } qw(not_found already_deleted forbidden);                   # the room was left, the text is gone

sub make ($class, $world, $name, $seed) {
    my $self = $world->server->account($name, "the password of $name");
    bless $self, $class;
    Scalar::Util::weaken($self->{world} = $world);
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
    $self->keep($frame, $item->{frame}) if $frame->{type} eq 'ack';
    @{$self->{outbox}} = grep { $_ != $item } @{$self->{outbox}};
}

# what was promised: the cid is message `id`, and with this rev it has this text (an ack of what was there already tells
# the rev of now, which may be a later text's)
sub keep ($self, $ack, $asked) {
    $self->{kept}{$ack->{cid}} = $ack->{id} if $asked->{type} eq 'message';
    return if $ack->{dup} && $asked->{type} eq 'message';
    my $last = $self->{promised}{$ack->{id}};
    $self->{promised}{$ack->{id}} = {rev => $ack->{rev}, text => $asked->{text}} if !$last || $last->{rev} < $ack->{rev};
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
    ++$self->{world}{under_way};
    my $tx = $self->{http}->build_tx($method => $self->server->url . $path, {$self->auth}, $body ? (json => $body) : ());
    $self->{http}->start($tx => sub { --$self->{world}{under_way} if $self->{world} });
}

sub mine  ($self) { grep { $_->{username} eq $self->name && !$_->{deleted} } values %{$self->{messages}} }
sub sorted (@messages) { sort { $a->{id} <=> $b->{id} } @messages }

sub step ($self) {
    my $rooms = $self->{world}{rooms};
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
        my $other = $self->pick($self->{world}->walkers)->name;
        my ($own) = grep { $_->{owner} eq $self->name } @$rooms;
        $self->call(POST => "/api/rooms/$own->{id}/members", {username => $other}) if $own && $self->chance(2);
        $self->call(DELETE => "/api/rooms/$own->{id}/members/$other") if $own && $other ne $self->name;
    }
    elsif ($dice < 93) { $self->greet if $self->is_in }
    elsif ($dice < 97) { $self->leave_suddenly }
}

1;
