# Every example of src/PROTOCOL.md is held against a real server.
#
# The document is read as it stands: each indented line, and each piece of JSON in a table, is an example, with its
# place. The stories below send what clients send, as it is written there (with real ids, rooms and tokens in place of
# those in the text), and look at what comes back. An example is met when it was sent and had its effect, or when
# something came that has its form: the same keys, the same types, the same words where they are words of the protocol.
#
# At the end each example must have been met, and nothing must have come that the document does not show: no other
# frame, key, type of a value, or code.
use v5.36;
use utf8;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Mojo::JSON qw(encode_json from_json true);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output);    # the document has more than ASCII

# -- the document --

my $document = do {
    open my $in, '<:encoding(UTF-8)', Chatterbox::root() . '/src/PROTOCOL.md' or die "PROTOCOL.md: $!";
    local $/;
    readline $in;
};
my (@examples, @rows, %status_of);

# JSON with what is left out: {…}, […] and "…" at the end of an object become values that `differs` knows
sub from_document ($text) {
    return from_json($text =~ s/\{…\}/{"…":0}/gr =~ s/\[…\]/["…"]/gr =~ s/,…\}/,"…":0}/gr);
}

# an example: where it stands, its text, and what is to be seen of it
sub example ($line, $section, $text) {
    my %e = (line => $line, section => $section, text => $text);
    if ($text =~ m{^([A-Z]+) (/\S+)(?: (\{.*))?$}) { @e{qw(method path body)} = ($1, $2, defined $3 ? from_document($3) : undef) }
    elsif ($text =~ /^(\d{3})(?: (.*))?$/s) { @e{qw(status answer)} = ($1, $2) }
    elsif ($text =~ /^\{/)                  { $e{json} = from_document($text) }
    else { die "what is this?\n" }
    return \%e;
}

sub read_table_row ($line, $section, @cells) {
    my @spans = map { [/`([^`]+)`/g] } @cells;
    if ($section eq 'Codes' && $cells[1] =~ /(\d{3})/) { $status_of{$_} = $1 for @{$spans[0]} }
    read_call_row($line, @cells) if $section eq 'HTTP' && $cells[0] =~ m{`[A-Z]+ /};
    push @examples, example($line, $section, $_) for grep {/^\{"/} map {@$_} @spans;
}

# `METHOD /path` `{what, it, takes?}` | what it answers
sub read_call_row ($line, $left, $right) {
    my ($fields) = $left =~ /`\{([^`]*)\}`/;
    for my $call ($left =~ m{`([A-Z]+ /[^`]*)`}g) {
        my ($method, $pattern) = split / /, $call;
        my $path = $pattern =~ s/\{room\}/\\d+/r =~ s/\{username\}/[^\/?]+/r;
        push @rows, {line => $line, call => $left =~ tr/`//dr =~ s/^\s+|\s+$//gr, method => $method, path => qr/^$path(?:\?.*)?$/,
            fields => [split /,\s*/, $fields // ''], right => $right};
    }
}

sub read_document {
    my ($section, $number) = ('', 0);
    for my $line (split /\n/, $document) {
        ++$number;
        $section = $1 if $line =~ /^#+ (.*)/;
        if ($line =~ /^    (\S.*)/) { push @examples, [$number, $section, $1] }
        elsif ($line =~ /^     +(\S.*)/) { $examples[-1][2] .= $1 }    # goes on from the line above
        elsif ($line =~ /^\|(.*)\|\s*$/) { read_table_row($number, $section, split /\|/, $1) }
    }
    @examples = map { ref eq 'ARRAY' ? example(@$_) : $_ } @examples;
    for my $i (grep { $examples[$_]{status} } 1 .. $#examples) {
        die "line $examples[$i]{line}: an answer without a request\n" unless $examples[$i - 1]{method};
        $examples[$i - 1]{reply} = $examples[$i];
    }
}

# what a client may send stands under its own heading, but for the hello
sub frame_type     ($e) { ($e->{json} // {})->{type} }
sub is_from_client ($e) { frame_type($e) && ($e->{section} eq 'From the client' || frame_type($e) eq 'hello') }
sub is_from_server ($e) { frame_type($e) && !is_from_client($e) }

# -- comparing --

my %is_word = map { $_ => 1 } qw(type kind code title v status for);    # whose values are the protocol's own

sub type_of ($value) {
    no warnings 'experimental::builtin';
    return 'null' unless defined $value;
    return ref $value eq 'HASH' ? 'object' : ref $value eq 'ARRAY' ? 'list' : 'boolean' if ref $value;
    return 'string' unless builtin::created_as_number($value);
    return $value == int $value ? 'whole number' : 'number';
}

sub is_left_out ($value) { ref $value eq 'HASH' && exists $value->{'…'} || ref $value eq 'ARRAY' && "@$value" eq '…' }

# how `$have` differs from the example `$want`, or nothing
sub differs ($want, $have, $place = '') {
    my ($type, $got) = map { type_of($_) } $want, $have;
    $got = $type if $type eq 'number' && $got eq 'whole number';    # 2.5 is an example of 3, too
    return "$place is a $got, not a $type" if $type ne $got;
    return differ_objects($want, $have, $place) if $type eq 'object';
    return differ_lists($want, $have, $place)   if $type eq 'list';
    my ($key) = $place =~ /(\w*)$/;
    my $is_fixed = $is_word{$key} || $type eq 'boolean' || ($key eq 'detail' && $want ne '…');
    return $is_fixed && "$want" ne "$have" ? "$place is $have, not $want" : '';
}

sub differ_objects ($want, $have, $place) {
    my @keys = grep { $_ ne '…' } keys %$want;
    my @missing = grep { !exists $have->{$_} } @keys;
    my @other = is_left_out($want) ? () : grep { !exists $want->{$_} } keys %$have;
    return "$place has no $missing[0]" if @missing;
    return "$place has " . (sort @other)[0] . ', too' if @other;
    return (grep {length} map { differs($want->{$_}, $have->{$_}, "$place.$_") } sort @keys)[0] // '';
}

# each element is like one of the example's, and each of the example's is there; a pair (of a list of pairs) goes in order
sub differ_lists ($want, $have, $place) {
    return @$have ? '' : "$place is empty" if is_left_out($want);
    return @$have ? "$place is not empty" : '' unless @$want;
    if ($place =~ /\[\]$/) {
        return "$place has other elements" if @$want != @$have;
        return (grep {length} map { differs($want->[$_], $have->[$_], "$place.$_") } 0 .. $#$want)[0] // '';
    }
    for my $element (@$want) { return "$place lacks " . encode_json($element) unless grep { !differs($element, $_, "$place\[]") } @$have }
    for my $element (@$have) { return "$place has "   . encode_json($element) unless grep { !differs($_, $element, "$place\[]") } @$want }
    return '';
}

# -- what there is at all: the sets of keys that each kind of object has in the document, and the types of their values --

my %kind_of = (message => 'message', messages => 'message', user => 'user', room => 'room', rooms => 'room', members => 'member');
my (%shape, %type);

# calls `$see` for every object in here, with its kind, and for every value, with its place
sub walk ($kind, $value, $see) {
    $see->($kind, $value);
    if (ref $value eq 'HASH') {
        walk((ref $value->{$_} ? $kind_of{$_} : undef) // "$kind.$_", $value->{$_}, $see) for grep { $_ ne '…' } sort keys %$value;
    }
    elsif (ref $value eq 'ARRAY' && !is_left_out($value)) {
        my ($key) = $kind =~ /(\w*)$/;
        walk($kind_of{$key} // "$kind\[]", $_, $see) for @$value;
    }
}

sub keys_of ($object) { join ' ', map { /^(?:type|joined|deleted)$/ ? "$_=$object->{$_}" : $_ } sort keys %$object }

sub top_kind ($json) {
    return "frame $json->{type}" if exists $json->{type};
    return exists $json->{kind} ? 'room' : exists $json->{deleted} ? 'message' : exists $json->{guest} ? 'user' : 'answer';
}

sub learn ($kind, $value) {
    $shape{$kind}{keys_of($value)} = 1 if ref $value eq 'HASH' && !is_left_out($value);
    $type{$kind}{type_of($value)} = 1;
}

my @unknown;    # what came, and is not in the document

sub recognize ($kind, $value) {
    my $type = type_of($value);
    push @unknown, "$kind with the keys " . keys_of($value) if ref $value eq 'HASH' && !$shape{$kind}{keys_of($value)};
    push @unknown, "$kind, a $type" unless $type{$kind}{$type} || $type eq 'whole number' && $type{$kind}{number};
    push @unknown, "code $value"    if $kind =~ /^(?:frame error|answer)\.code$/ && !$status_of{$value};
    push @unknown, "kind $value"    if $kind eq 'room.kind' && $value !~ /^(?:public|private|direct)$/;
}

# something that the server said: it meets the examples that are like it, whole or in part
sub heard ($json) {
    walk(top_kind($json), $json, \&recognize);
    my %part;
    walk(top_kind($json), $json, sub ($kind, $value) { push @{$part{$kind}}, $value if ref $value eq 'HASH' });
    for my $e (grep { $_->{json} && !is_from_client($_) } @examples) {
        next unless grep { !differs($e->{json}, $_) } @{$part{top_kind($e->{json})} // []};
        $e->{met} = 1;
    }
}

eval { read_document(); 1 } or BAIL_OUT("src/PROTOCOL.md: $@");
for my $e (grep { !is_from_client($_) } @examples) {
    my $json = $e->{json} // ($e->{status} && ($e->{answer} // '') =~ /^\{/ ? from_document($e->{answer}) : next);
    walk(top_kind($json), $json, \&learn);
}
cmp_ok scalar(grep { is_from_client($_) } @examples), '>=', 8,  'the frames of clients are found';
cmp_ok scalar(grep { is_from_server($_) } @examples), '>=', 20, '... those of the server';
cmp_ok scalar @rows, '>=', 19, '... the calls';
cmp_ok scalar keys %status_of, '>=', 20, '... and the codes, with a status each';

# -- sending what is written --

my %real = (1 => 1);    # ids of rooms and messages in the document => those of this server

# the next example of a frame that a client sends, with `%with` in place of what it has there
sub frame ($type, %with) {
    my ($e) = grep { is_from_client($_) && frame_type($_) eq $type && (!$with{token} || $_->{json}{token}) } @examples;
    die "no example of $type from a client\n" unless $e;
    for my $key (keys %with) { die "line $e->{line} has no $key\n" unless exists $e->{json}{$key} }
    $e->{met} = 1;
    return {%{$e->{json}}, %with};
}

# makes the next request of the document that begins so and has this status, and tests its answer
sub call ($who, $line, $status, %o) {
    my ($e) = grep { $_->{method} && !$_->{met} && "$_->{method} $_->{path}" eq $line && $_->{reply}{status} == $status } @examples;
    return fail "$line has no (other) example with $status" unless $e;
    my $res = ($o{on} // $who->server)->request($e->{method} => real_path($e->{path}), $e->{body}, $o{anonymous} ? () : $who->auth);
    $_->{met} = 1 for $e, $e->{reply};
    is $res->code, $status, "line $e->{line}: $line";
    ok !unlike_answer($e->{reply}{answer} // '', $res), '... answers as line ' . $e->{reply}{line} . ' says'
        or diag unlike_answer($e->{reply}{answer} // '', $res), "\n", substr $res->body, 0, 500;
    return $res;
}

sub real_path ($path) { $path =~ s{(/rooms/|before=)(\d+)}{$1 . ($real{$2} // $2)}ger }

sub unlike_answer ($text, $res) {
    return $text eq $res->body ? '' : 'no body is due' unless length $text;
    return "no line `$text`" x ($res->body !~ /^\Q$text\E$/m) if $text !~ /^\{/;
    my $json = $res->json;
    heard($json);
    my $type = $res->headers->content_type // '';
    my $due  = $res->code >= 400 ? 'application/problem+json' : 'application/json';
    return "the content type is $type" if index $type, $due;
    return differs(from_document($text), $json, 'the answer');
}

# -- the stories --

my $server = Chatterbox->start;
my ($ada, $bob, $eve, $fay) = map { Chatterbox::Client->new(server => $server, name => $_) } qw(ada bob eve fay);
my @all = ($ada, $bob, $fay);    # everybody whose frames are looked at; eve never connects

sub also ($client) { push @all, $client; $client }

story 'accounts' => sub {
    $ada->session(call($ada, 'POST /api/register', 201, anonymous => 1));
    $ada->session(call($ada, 'POST /api/login',    200, anonymous => 1));
    $bob->session(call($bob, 'POST /api/login',    200, anonymous => 1));
    call($ada, 'GET /api/me', 200);
    $_->login for $eve, $fay;
    $_->join for $ada, $bob, $fay;
    call($ada, 'PATCH /api/me', 200);
    is $bob->next_frame(type => 'user')->{user}{display_name}, 'Ada Lovelace', 'everybody hears of the new name';
    my $other = $ada->twin;
    my $laptop = also(Chatterbox::Client->new(server => $server, name => 'ada')->login('correct horse battery')->join);
    call($ada, 'PATCH /api/me', 200);
    is $laptop->close_code, 4005, 'the other sessions end with the old password';
    ok $other->is_open, '... this one does not';
    call($ada, 'POST /api/login', 401, anonymous => 1);
    call($ada, 'PATCH /api/me', 422);
    $other->leave;
};

story 'a hello, and what it is answered with' => sub {
    $ada->ack($ada->say('the first'));
    $ada->say("message $_", wait => 0) for 2 .. 60;
    my $last = $ada->ack($ada->say('the last'));
    $_->send(frame('read', id => $last->{id})) for $ada, $bob;
    for my $reader (qw(ada bob)) { $fay->next_frame(type => 'read', username => $reader, id => $last->{id}) }
    my $tab = also(Chatterbox::Client->new(map { $_ => $ada->{$_} } qw(server name token user)));
    $tab->open(headers => {$tab->auth})->send(frame('hello'))->joined;
    like $tab->epoch, qr/^[0-9a-f]{16}$/, 'welcome: an epoch like that of the example';
    is $tab->welcome->{limits}{messages_per_second}, 0, '... and no limit, where there is none';
    is scalar @{$tab->missed}, 50, 'the newest page';
    $tab->drop;
    my $missed = $ada->ack($ada->say('while the tab was closed'));
    $tab->open->{since} = {1 => $tab->rev};
    $tab->send(frame('hello', token => $tab->token, epoch => $tab->epoch, since => {1 => $tab->rev}))->joined;
    is_deeply [map { $_->{id} } @{$tab->missed}], [$missed->{id}], 'with since: what was missed, and no more';
    ok !$tab->page->{reset} && !$tab->page->{more}, '... neither reset nor more';
    $tab->leave;
};

story 'message, edit, delete' => sub {
    my $message = frame('message');
    $bob->ask({%$message}, cid => $message->{cid});
    my $ack  = $bob->ack($message->{cid});
    my $live = $ada->next_frame(type => 'message', rev => $ack->{rev})->{message};
    is_deeply [@$live{qw(id room username text cid)}], [$ack->{id}, 1, 'bob', @$message{qw(text cid)}], 'said, acknowledged, heard';
    $bob->ask({%$message}, cid => $message->{cid});
    is_deeply [@{$bob->ack($message->{cid})}{qw(id dup)}], [$ack->{id}, true], 'the same again: dup';
    my $edit = frame('edit', id => $ack->{id});
    $bob->ask({%$edit}, cid => $edit->{cid});
    is $ada->next_frame(type => 'edit')->{message}{text}, $edit->{text}, 'changed';
    my $delete = frame('delete', id => $ack->{id});
    $fay->ask({%$delete}, cid => $delete->{cid});
    is $fay->error($delete->{cid})->{code}, 'forbidden', 'nobody else takes it back';
    $bob->ask({%$delete}, cid => $delete->{cid});
    is $ada->next_frame(type => 'delete')->{message}{id}, $ack->{id}, '... its author does';
};

story 'typing, read, ping, and what is no JSON' => sub {
    $bob->send(frame('typing'));
    is_deeply [@{$ada->next_frame(type => 'typing')}{qw(username for)}], ['bob', 5], 'somebody types';
    my $mine = $ada->ack($ada->say('read this'))->{id};
    $bob->send(frame('read', id => $mine));
    is $ada->next_frame(type => 'read', id => $mine)->{username}, 'bob', 'somebody has read';
    $bob->send(frame('ping'));
    ok $bob->next_frame(type => 'pong'), 'ping, pong';
    $bob->send('no JSON');
    is $bob->next_frame(type => 'error')->{code}, 'bad_json', 'refused';
    $bob->drop;
    is $ada->next_frame(type => 'typing')->{for}, 0, 'who goes types no longer';
    $bob->join;
};

story 'a hello before the last one is answered' => sub {
    my $raw   = Chatterbox::Raw->open($server);
    my $hello = encode_json({type => 'hello', token => $fay->token});
    my $both  = '';
    {
        no warnings 'redefine';
        local *Chatterbox::Raw::put = sub ($self, $bytes) { $both .= $bytes; $self };
        $raw->text($hello) for 1 .. 2;
    }
    my $error = $raw->put($both)->next('error');
    heard($error);
    is $error->{code}, 'rate_limited', 'is refused';
    ok $raw->next('history'), '... and the first one answered';
};

story 'rooms' => sub {
    $real{7} = call($ada, 'POST /api/rooms', 201)->json->{id};
    my ($ahoy) = map { $ada->ack($ada->say($_, room => $real{7})) } 'ahoy', 'is anybody there?';
    call($bob, 'POST /api/rooms/7/members', 200);
    is $bob->next_frame(type => 'room')->{room}{id}, $real{7}, 'who joins is told';
    is $bob->next_frame(type => 'history', room => $real{7})->{messages}[0]{id}, $ahoy->{id}, '... and gets its history';
    call($ada, 'POST /api/rooms/7/messages', $_) for 201, 200;
    my ($said) = ($bob->next_frame(type => 'message', room => $real{7}))->{message}{id};
    $real{97} = $said;
    call($ada, 'GET /api/rooms/7/messages?before=97&limit=1', 200);
    $_->send({type => 'read', room => $real{7}, id => $said}) for $ada, $bob;
    for my $reader (qw(ada bob)) { $ada->next_frame(type => 'read', username => $reader, id => $said) }
    call($ada, 'PATCH /api/rooms/7', 200);
    is $bob->next_frame(type => 'room')->{room}{topic}, 'sails', 'all in it are told of a change';
    call($ada, 'POST /api/rooms/7/members', 200);
    call($ada, 'GET /api/rooms/7/members?online=1&after=ada&limit=1', 200);
    is $server->request(DELETE => "/api/rooms/$real{7}/members/bob", undef, $bob->auth)->code, 204, 'bob leaves';
    ok !$bob->next_frame(type => 'room')->{joined}, '... and is told';
    call($ada, 'GET /api/rooms/7/members', 200);
    call($ada, 'DELETE /api/rooms/7/members/eve', 204);
    call($eve, 'GET /api/rooms', 200);
    call($ada, 'POST /api/direct', 200);
    is $bob->next_frame(type => 'room')->{room}{name}, 'ada', 'both are in the direct room, and it bears the other one\'s name';
    call($ada, 'GET /api/rooms/999/messages', 404);
};

story 'who comes and who goes' => sub {
    my $gil = also($server->connect('gil'));
    $ada->until(sub { grep { grep { $_ eq 'gil' } @{$_->{online}} } $ada->frames('presence') });
    call($gil, 'POST /api/logout', 204);
    is $gil->close_code, 4005, 'logged out';
    $ada->until(sub { grep { grep { $_ eq 'gil' } @{$_->{offline}} } $ada->frames('presence') });
    is $gil->get('/api/me')->code, 401, '... the token opens nothing any more';
};

story 'for those who run it' => sub { call($ada, "GET $_", 200, anonymous => 1) for qw(/healthz /readyz /metrics) };

story 'too much at once' => sub {
    my $own = Chatterbox->start('chatterbox.rate' => 0.1);
    my $hal = also($own->connect('hal'));
    $hal->send(frame('message', cid => "hal-$_")) for 1 .. 3;
    my $error = $hal->next_frame(type => 'error');
    is $error->{code}, 'rate_limited', 'the third in a moment is refused';
    ok $error->{cid} && $error->{retry_after} > 0, '... by its cid, and told when to come back';
    my $res = call($hal, 'POST /api/rooms/1/messages', 429);
    like $res->headers->header('Retry-After') // '', qr/^[1-9]\d*$/, '... over HTTP by Retry-After';
    $own->stop;
};

story 'more than 500 online' => sub {
    my $own = Chatterbox->start('chatterbox.synchronous' => 'NORMAL');
    my $ida = also($own->connect('ida'));
    my @crowd = map { Chatterbox::Raw->join($own, $own->guest("guest$_")) } 1 .. 500;
    $ida->until(sub { grep { !$_->{online} } $ida->frames('presence') });
    is_deeply also($own->connect('jo'))->welcome->{online}, [], 'a welcome has no names, either';
    close $_->{socket} for @crowd;
    $own->stop;
};

# -- every refusal that the table of calls names --

my $closed = Chatterbox->start('chatterbox.guests' => 'OFF', 'chatterbox.registration' => 'OFF');
my $horse  = 'a horse of 8 or more';
my ($out, $named) = ('no-member', {username => 'nobody'});
my $room = "/api/rooms/$real{7}";
my $own  = $server->request(POST => '/api/rooms', {kind => 'public', name => 'taken'}, $bob->auth)->json->{id};
my %body = (
    'POST /api/register {username, password, display_name?}' => {
        '409 name_taken'    => [undef, '/api/register', {username => 'Ada', password => $horse}],
        '422 weak_password' => [undef, '/api/register', {username => 'kim', password => 'short'}],
        '422 bad_name'      => [undef, '/api/register', {username => 'kim', password => $horse, display_name => ' '}],
        '403 forbidden'     => [undef, $closed->url . '/api/register', {username => 'kim', password => $horse}]
    },
    'POST /api/login {username, password}' => {
        '401 bad_credentials' => [undef, '/api/login', {username => 'nobody', password => $horse}],
        '429 rate_limited'    => [undef, '/api/login', {username => 'lee', password => $horse}, 11]
    },
    'POST /api/login {username}' => {
        '409 name_taken'      => [undef, '/api/login', {username => 'BOB'}],
        '401 bad_credentials' => [undef, '/api/login', {username => 'ada'}],
        '403 forbidden'       => [undef, $closed->url . '/api/login', {username => 'kim'}],
        '422 bad_name'        => [undef, '/api/login', {username => 'k i m'}]
    },
    'PATCH /api/me {display_name?, password?, old_password?}' => {
        '401 bad_credentials' => [$bob, '/api/me', {password => $horse, old_password => 'a guest has none'}],
        '422 bad_name'        => [$ada, '/api/me', {display_name => 'x' x 65}],
        '422 weak_password'   => [$ada, '/api/me', {password => 'short', old_password => 'another horse'}]
    },
    'POST /api/rooms {kind, name, topic?}' => {
        '400 bad_frame'  => [$ada, '/api/rooms', {kind => 'direct', name => 'x'}],
        '422 bad_name'   => [$ada, '/api/rooms', {kind => 'public', name => ''}],
        '422 too_long'   => [$ada, '/api/rooms', {kind => 'public', name => 'x', topic => 'x' x 251}],
        '409 name_taken' => [$ada, '/api/rooms', {kind => 'public', name => 'TAKEN'}]
    },
    'PATCH /api/rooms/{room} {name?, topic?}' => {
        '403 forbidden'  => [$bob, $room, {topic => 'x'}],
        '422 bad_name'   => [$ada, $room, {name => "\t"}],
        '422 too_long'   => [$ada, $room, {topic => 'x' x 251}],
        '409 name_taken' => [$ada, $room, {name => 'Taken'}]
    },
    'POST /api/direct {username}' => {
        '404 not_found' => [$ada, '/api/direct', {username => 'nobody'}],
        '422 bad_name'  => [$ada, '/api/direct', {username => 'ada'}]
    },
    'POST /api/rooms/{room}/members {username}' => {
        '403 forbidden' => [$ada, "/api/rooms/$own/members", {username => 'eve'}],
        '404 not_found' => [$ada, "$room/members", {username => 'nobody'}]
    },
    'DELETE /api/rooms/{room}/members/{username}' => {
        '404 not_found' => [$ada, "$room/members/eve"],
        '403 forbidden' => [$bob, "$room/members/ada"]
    }
);

# the pairs of status and code that a row of the table names
sub refusals ($row) {
    my ($status, %found);
    while ($row->{right} =~ /\b([45]\d\d)\b|`(\w+)`/g) {
        $status = $1 // $status;
        $found{"$status $2"} = 1 if $status && defined $2 && ($status_of{$2} // 0) == $status;
    }
    my @found = sort keys %found;
    return @found;
}

story 'the refusals of each call' => sub {
    my %row = map { $_->{call} => $_ } @rows;
    is_deeply [sort keys %body], [sort grep { refusals($row{$_}) } keys %row], 'each row that names any is tried';
    for my $call (sort keys %body) {
        is_deeply [sort keys %{$body{$call}}], [refusals($row{$call} // {right => ''})], "$call: those that line " . ($row{$call}{line} // '?') . ' names';
        for my $refusal (sort keys %{$body{$call}}) {
            my ($who, $path, $body, $times) = @{$body{$call}{$refusal}};
            my $res;
            $res = $server->request($call =~ /^(\w+)/, $path, $body, $who ? $who->auth : ()) for 1 .. $times // 1;
            is_problem $res, split(/ /, $refusal), $call;
            heard($res->json);
        }
    }
};

story 'no such path, no such method, no handshake' => sub {
    my %due = ('GET /api/nothing' => [404, 'not_found'], 'PUT /api/me' => [405, 'not_found'], 'GET /ws' => [426, 'bad_frame']);
    for my $line (sort keys %due) {
        my $res = $server->request(split(/ /, $line), undef, $ada->auth);
        is_problem $res, @{$due{$line}}, $line;
        heard($res->json);
    }
    is_problem $server->post('/api/login', '{"username":"' . 'x' x (64 * 1024 + 6 * 16384) . '"}'), 413, 'too_large', 'a body over the limit';
};

story 'the server goes away' => sub {
    $server->term;
    is $_->close_code, 1001, $_->name . ' is closed with 1001' for $ada, $bob;
    ok $ada->{bye}, '... after a bye';
    $server->stop;
    $closed->stop;
};

# -- at rest --

heard($_) for map { $_->frames } @all;
is_deeply [map { @{$_->wrong} } @all], [], 'nobody saw a promise broken';

subtest 'each example was met' => sub {
    for my $row (@rows) {
        my @own = grep { is_of_row($_, $row) } @examples;
        ok scalar(grep { $_->{reply}{status} < 300 } @own), "line $row->{line}: $row->{call} has an example";
        $_->{row} = $row for @own;
    }
    ok $_->{row}, "line $_->{line}: $_->{method} $_->{path} is in the table of calls" for grep { $_->{method} } @examples;
    ok $_->{met} || is_part_of_an_answer($_), "line $_->{line}: $_->{text}" for @examples;
};

# a row is a call's when method and path are, and the body has what it takes
sub is_of_row ($e, $row) {
    return 0 unless ($e->{method} // '') eq $row->{method} && $e->{path} =~ $row->{path};
    my %takes = map { s/\?$//r => /\?$/ ? 0 : 1 } @{$row->{fields}};
    return 0 if grep { !exists $takes{$_} } keys %{$e->{body} // {}};
    return !grep { $takes{$_} && !exists(($e->{body} // {})->{$_}) } keys %takes;
}

# a piece of an answer in the table of calls: one of the examples of that row is in full what it hints at
sub is_part_of_an_answer ($e) {
    my @own = grep { $_->{row} && $_->{row}{line} == $e->{line} } @examples;
    return grep { ($_->{reply}{answer} // '') =~ /^\{/ && !differs($e->{json}, from_document($_->{reply}{answer})) } @own;
}

my %seen;
is_deeply [sort grep { !$seen{$_}++ } @unknown], [], 'nothing came that the document does not show';

subtest 'nothing in the sources is left out' => sub {
    my $source = sub (@paths) { join '', map { Chatterbox::slurp($_) } map { glob Chatterbox::root() . "/src/$_" } @paths };
    my %sent   = map { $_->{json}{type} => 1 } grep { is_from_client($_) } @examples;
    my %told   = map { $_->{json}{type} => 1 } grep { is_from_server($_) } @examples;
    my %row    = map { $_ => 1 } map { /`([A-Z]+ \/[^`]*)`/g } $document;
    my @takes  = $source->('wire/proto.c') =~ /\[CBX_REQ_\w+\] = \{"(\w+)"/g;
    my @tells  = $source->('*/*.c') =~ /(?:put_text\(\S+ "type", |publish\([^;{]*?, )"(\w+)"/g;
    my @calls  = $source->('http/api.c') =~ /^\s*\{"([A-Z]+", "\/api[^"]*)"/mg;
    ok @takes >= 7 && @tells >= 14 && @calls >= 14, 'they are found' or diag "@takes; @tells; @calls";
    is_deeply [grep { !$sent{$_} } @takes], [], 'every frame that the server takes has an example';
    is_deeply [grep { !$told{$_} } @tells], [], 'every frame that it sends has one';
    is_deeply [grep { !$row{$_} } map {s/", "/ /r} @calls], [], 'every call has a row';
};

done_testing;
