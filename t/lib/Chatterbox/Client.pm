package Chatterbox::Client;

# Chatterbox::Client -- somebody who talks to the server, and a model of what a good client believes.
#
# The model holds the messages by id with their rev, and the last rev of each room. Live events must raise a room's
# rev by exactly one, and an ack must come before the event it is about; whatever breaks a promise of the protocol is
# put into `wrong`, which tests expect to be empty.

use v5.36;

use Carp qw(croak);
use Mojo::IOLoop;
use Mojo::JSON qw(decode_json encode_json);
use Scalar::Util ();

my $next_cid = 0;

sub new ($class, %self) {
    return bless {frames => [], rev => {}, messages => {}, acks => {}, errors => {}, wrong => [], %self}, $class;
}

sub name   ($self) { $self->{name} }
sub server ($self) { $self->{server} }
sub token  ($self) { $self->{token} }
sub user   ($self) { $self->{user} }
sub wrong  ($self) { $self->{wrong} }
sub epoch  ($self) { $self->{epoch} }

# -- HTTP --

sub login ($self, $password = undef) {
    return $self->session($self->server->post(
        '/api/login', {username => $self->name, defined $password ? (password => $password) : ()}));
}

sub register ($self, $password) {
    return $self->session($self->server->post('/api/register', {username => $self->name, password => $password}));
}

sub session ($self, $res) {
    my $body = ($res->code // 0) =~ /^20[01]$/ ? $res->json : undef;
    croak $self->name . ' gets no session: ' . ($res->code // 'no answer') . ' ' . $res->body unless $body->{token};
    @$self{qw(token user)} = @$body{qw(token user)};
    return $self;
}

sub auth ($self) { (Authorization => "Bearer $self->{token}") }

sub get  ($self, $path)        { $self->server->get($path, $self->auth) }
sub post ($self, $path, @body) { $self->server->post($path, $body[0] // {}, $self->auth) }

# the whole history of a room, page by page
sub history ($self, $room = 1, $limit = 200) {
    my ($page, @messages);
    do {
        my $before = @messages ? "&before=$messages[0]{id}" : '';
        my $res    = $self->get("/api/rooms/$room/messages?limit=$limit$before");
        croak 'no history: ' . ($res->code // 'no answer') . ' ' . $res->body unless ($res->code // 0) == 200;
        $page = $res->json;
        unshift @messages, @{$page->{messages}};
    } while $page->{more} && @{$page->{messages}};
    return \@messages;
}

# -- the connection --

# opens a WebSocket; options: headers, protocols, url. True once it is open.
sub open ($self, %o) {
    @$self{qw(code inbox welcome histories asked bye tx)} = (undef, [], undef, [], {}, undef, undef);
    my $ua = $self->{ua} = Chatterbox::user_agent();
    my $done;
    my @args = ($o{url} // $self->server->ws_url, $o{headers} // {}, $o{protocols} // ());
    $ua->websocket(@args => sub ($ua, $tx) { $done = $tx });
    Chatterbox::wait_until($self->name . ' connects', sub {$done}, 20);
    croak $self->name . ' cannot connect: ' . ($done->res->code // $done->error->{message}) unless $done->is_websocket;
    return $self->opened($done);
}

sub opened ($self, $tx) {
    $self->{tx} = $tx;
    $tx->max_websocket_size(1 << 28);
    Scalar::Util::weaken(my $weak = $self);
    $tx->on(text => sub ($tx, $bytes) { $weak->on_text($bytes) if $weak && $tx == ($weak->{tx} // 0) });
    $tx->on(binary => sub { push @{$weak->{wrong}}, 'a binary frame' if $weak });
    $tx->on(finish => sub ($tx, $code, $why) { $weak->{code} = $code // 1006 if $weak && $tx == ($weak->{tx} // 0) });
    return $self;
}

# says hello; `since` and `epoch` where it comes back. Nothing is waited for.
sub hello ($self, %more) {
    $self->{welcome}   = undef;
    $self->{histories} = [];
    $self->{since}     = $more{since};
    $self->{of_epoch}  = $more{epoch} // '';
    return $self->send({type => 'hello', token => $self->token, %more});
}

# opens, says hello, and waits until welcome and every history are there. `hello`: more fields for it; the rest as `open`.
sub join ($self, %o) {
    $self->open(%o)->hello(%{$o{hello} // {}});
    return $self->joined;
}

sub joined ($self) {
    Chatterbox::wait_until($self->name . ' is welcomed', sub { $self->is_in || defined $self->{code} }, 20);
    croak $self->name . " is not let in: closed with $self->{code}" unless $self->is_in;
    return $self;
}

sub is_in ($self) { $self->{welcome} && @{$self->{histories}} >= @{$self->{welcome}{rooms}} }

# where it stood: what a hello says to resume
sub stand ($self) { (epoch => $self->{epoch}, since => {%{$self->{rev}}}) }

# comes back on a new connection with what it knows
sub reconnect ($self, %o) {
    my %stand = $self->stand;
    $self->drop;
    return $self->join(%o, hello => {%stand, %{$o{hello} // {}}});
}

# a second connection of the same user
sub twin ($self, %o) {
    return Chatterbox::Client->new(map { $_ => $self->{$_} } qw(server name token user))->join(%o);
}

sub welcome ($self) { $self->{welcome} }

# the history that came with the last hello
sub page ($self, $room = 1) { (grep { $_->{room} == $room } @{$self->{histories}})[0] }

# its messages: what the client had missed
sub missed ($self, $room = 1) { $self->page($room)->{messages} }

# says goodbye, and waits until the connection is gone
sub leave ($self) {
    $self->{tx}->finish(1000) unless defined $self->{code};
    return $self->close_code;
}

# the connection goes without a word, as when a train enters a tunnel
sub drop ($self) {
    my $tx = delete $self->{tx};
    Mojo::IOLoop->remove($tx->connection) if $tx && !defined $self->{code} && $tx->connection;
    delete $self->{ua};
    return $self;
}

# reads nothing any more; what comes waits in the kernel, then in the server
sub stop_reading   ($self) { Mojo::IOLoop->stream($self->{tx}->connection)->stop;  $self }
sub resume_reading ($self) { Mojo::IOLoop->stream($self->{tx}->connection)->start; $self }

# reads until the end, and says with which code that came (1006: without any)
sub close_code ($self, $seconds = 10) {
    my $stream = !defined $self->{code} && Mojo::IOLoop->stream($self->{tx}->connection);
    $stream->start if $stream;
    Chatterbox::wait_until($self->name . ' is let go', sub { defined $self->{code} }, $seconds);
    return $self->{code};
}

sub is_open ($self) { $self->{tx} && !defined $self->{code} }

# -- talking. Each returns the cid; by default it waits for the answer (ack or error). --

sub new_cid ($self) { sprintf '%s-%d-%08x', $self->name, ++$next_cid, rand 0xffffffff }

sub say ($self, $text, %o) {
    return $self->ask({type => 'message', room => $o{room} // 1, text => $text}, %o);
}
sub edit   ($self, $id, $text, %o) { $self->ask({type => 'edit',   id => $id, text => $text}, %o) }
sub delete ($self, $id, %o)        { $self->ask({type => 'delete', id => $id}, %o) }

sub ask ($self, $frame, %o) {
    my $cid = $frame->{cid} = $o{cid} // $self->new_cid;
    $self->{asked}{$cid} = $frame;
    delete $self->{acks}{$cid};
    delete $self->{errors}{$cid};
    $self->send($frame);
    $self->settled($cid) if $o{wait} // 1;
    return $cid;
}

# a reference goes as JSON, bytes as they are
sub send ($self, $frame) {
    $self->{tx}->send({text => ref $frame ? encode_json($frame) : $frame});
    return $self;
}

# the ack or the error for this cid
sub answer ($self, $cid, $seconds = 20) {
    return Chatterbox::wait_until(
        $self->name . " has an answer to $cid",
        sub {
            croak $self->name . " was closed with $self->{code} before the answer to $cid"
                if defined $self->{code} && !$self->answered($cid);
            return $self->answered($cid);
        },
        $seconds
    );
}

# the same, and where it was an ack, the event that follows has come, too: the model has what was said
sub settled ($self, $cid) {
    my $answer = $self->answer($cid);
    return $answer if $answer->{type} ne 'ack' || $answer->{dup};
    my $room = ($self->{asked}{$cid} // {})->{room} // 1;
    Chatterbox::wait_until($self->name . " hears of $cid",
        sub { ($self->{rev}{$room} // 0) >= $answer->{rev} || defined $self->{code} }, 20);
    return $answer;
}

sub answered ($self, $cid) { $self->{acks}{$cid} // $self->{errors}{$cid} }

sub ack ($self, $cid) {
    my $answer = $self->settled($cid);
    croak "$cid was refused: " . encode_json($answer) if $answer->{type} ne 'ack';
    return $answer;
}

sub error ($self, $cid) {
    my $answer = $self->answer($cid);
    return $answer->{type} eq 'error' ? $answer : {code => 'an ack'};
}

# -- hearing --

# every frame there was, or those of a type
sub frames ($self, $type = undef) { grep { !defined $type || $_->{type} eq $type } @{$self->{frames}} }

# waits for a frame with these fields (as text), and takes it out of the inbox; those before it stay there
sub next_frame ($self, %like) {
    my $found;
    Chatterbox::wait_until(
        $self->name . ' gets ' . encode_json(\%like),
        sub {
            my $inbox = $self->{inbox};
            for my $i (0 .. $#$inbox) {
                my $frame = $inbox->[$i];
                next if grep { !defined $frame->{$_} || "$frame->{$_}" ne "$like{$_}" } keys %like;
                return $found = splice @$inbox, $i, 1;
            }
            return croak $self->name . " was closed with $self->{code}" if defined $self->{code};
        },
        20
    );
    return $found;
}

sub until ($self, $holds, $seconds = 10) { Chatterbox::wait_until($self->name . ' sees it', $holds, $seconds) }

# waits until the model knows the change `rev` of the room
sub reaches ($self, $rev, $room = 1, $seconds = 30) {
    return Chatterbox::wait_until(
        $self->name . " reaches rev $rev (is at " . ($self->{rev}{$room} // 'none') . ')',
        sub { ($self->{rev}{$room} // -1) >= $rev }, $seconds);
}

# -- the model --

sub rev     ($self, $room = 1) { $self->{rev}{$room} }
sub message ($self, $id)       { $self->{messages}{$id} }

# the messages of a room as the client believes them: [id, rev, text or undef]
sub transcript ($self, $room = 1) {
    my @messages = grep { $_->{room} == $room } values %{$self->{messages}};
    return [map { [@$_{qw(id rev text)}] } sort { $a->{id} <=> $b->{id} } @messages];
}

my %hear = (
    welcome => \&hear_welcome,
    history => \&hear_history,
    ack     => sub ($self, $frame) { $self->{acks}{$frame->{cid}}         = $frame },
    error   => sub ($self, $frame) { $self->{errors}{$frame->{cid} // ''} = $frame },
    bye     => sub ($self, $frame) { $self->{bye}                         = $frame },
    message => \&hear_change,
    edit    => \&hear_change,
    delete  => \&hear_change
);

sub on_text ($self, $bytes) {
    my $frame = eval { decode_json($bytes) };
    return push @{$self->{wrong}}, 'not a JSON object: ' . substr $bytes, 0, 200 if ref $frame ne 'HASH';
    push @{$self->{frames}}, $frame unless $self->{forgetful};
    push @{$self->{inbox}},  $frame unless $self->{forgetful};
    my $hear = $hear{$frame->{type} // ''} or return;
    $self->$hear($frame);
}

sub complain ($self, $what, $frame) {
    push @{$self->{wrong}}, "$what: " . substr encode_json($frame), 0, 300;
}

sub hear_welcome ($self, $frame) {
    $self->complain('a second welcome', $frame) if $self->{welcome};
    @$self{qw(welcome welcomed histories)} = ($frame, $self->{tx}, []);
    $self->{epoch}   = $frame->{epoch};
}

sub hear_history ($self, $frame) {
    my ($room, $messages) = @$frame{qw(room messages)};
    # (who says hello again may still get the history of a room that was joined before)
    $self->complain('a history before the welcome', $frame) unless $self->{welcome} || ($self->{welcomed} // 0) == ($self->{tx} // 1);
    push @{$self->{histories}}, $frame;
    my $since = $self->{since}{$room};
    $self->complain("a reset, though since was $since", $frame) if $frame->{reset} && defined $since && $self->may_resume($frame, $since);
    undef $since if $frame->{reset};
    $self->check_history($frame, $since);
    if (!defined $since) {
        delete $self->{messages}{$_->{id}} for grep { $_->{room} == $room } values %{$self->{messages}};
    }
    $self->learn($_) for @$messages;
    $self->{rev}{$room} = $frame->{rev};
}

# is this the answer to our hello, and did it name a rev that the server has, at most 1,000 changes back?
sub may_resume ($self, $frame, $since) {
    my $asked = 1 == grep { $_->{room} == $frame->{room} } @{$self->{histories}};
    return $asked && $self->{of_epoch} eq $self->{epoch} && $since <= $frame->{rev} && $frame->{rev} - $since <= 1000;
}

# a resumed history has only what is newer than `since`, by rev; a page is in the order of id
sub check_history ($self, $frame, $since) {
    my $last = $since // 0;
    my $by   = defined $since ? 'rev' : 'id';
    for my $message (@{$frame->{messages}}) {
        $self->complain("a history out of order (by $by after $last)", $message) if $message->{$by} <= $last;
        $self->complain("a history with a rev beyond its own, $frame->{rev}", $message) if $message->{rev} > $frame->{rev};
        $last = $message->{$by};
    }
}

sub hear_change ($self, $frame) {
    my ($type, $room, $rev, $message) = @$frame{qw(type room rev message)};
    $self->complain('an event before the history', $frame) unless defined $self->{rev}{$room};
    my $expect = ($self->{rev}{$room} // 0) + 1;
    $self->complain("rev $rev where $expect was due", {type => $type, id => $message->{id}}) if $rev != $expect;
    $self->complain('a message whose rev or room is not the event\'s', $frame)
        if $message->{rev} != $rev || $message->{room} != $room;
    $self->check_ack($frame) if $type eq 'message' && $self->{asked}{$message->{cid} // ''};
    $self->{rev}{$room} = $rev;
    $self->learn($message);
}

# on the connection that asked, the ack comes before the event and tells the same
sub check_ack ($self, $frame) {
    my $message = $frame->{message};
    return if $message->{username} ne $self->name;
    my $ack = $self->{acks}{$message->{cid}};
    return $self->complain('an event before its ack', $frame) unless $ack;
    return if $ack->{dup};
    $self->complain('an ack and its event differ', $frame) if grep { $ack->{$_} != $message->{$_} } qw(id rev timestamp);
}

sub learn ($self, $message) {
    my $known = $self->{messages}{$message->{id}};
    $self->{messages}{$message->{id}} = $message if !$known || $known->{rev} < $message->{rev};
}

1;
