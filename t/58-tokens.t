# Tokens that others made: JWT best practices (RFC 8725), tried at each of the three doors: an Authorization header, the
# cookie, and `hello`. Whatever is wrong with a token, the answer is the same: 401 byte for byte, or close code 4003, so that
# nobody learns how near he came. Each forged token is wrong in one way only; most are signed with the right secret, as if
# somebody else had made tokens with it for another purpose (sections 2.8 and 3.11).
#
# Two things are so by design: a token that says it was made in the future is good (the server's clock may have been set
# back, see t/84), and of a claim that is there twice the last one counts (RFC 7519 section 4).
use v5.36;
use Test::More;
use Chatterbox;
use Chatterbox::Raw;
use Digest::SHA qw(hmac_sha256 hmac_sha384 hmac_sha512);
use MIME::Base64 qw(decode_base64 encode_base64);
use Mojo::JSON qw(decode_json encode_json);

my $word   = 'correct horse battery';
my $server = Chatterbox->start('num-threads' => 2);
my $secret = $server->secret;
my $ada    = $server->account('ada', $word);
my $bob    = $server->account('bob', $word);
my $claims = claims_of($ada->token);
my $header = '{"alg":"HS256","typ":"JWT"}';
my ($head, $body, $sum) = split /\./, $ada->token;

sub b64url ($bytes) { encode_base64($bytes, '') =~ tr{+/=}{-_}dr }
sub bytes     ($text)  { decode_base64($text =~ tr{-_}{+/}r . '=' x (-length($text) % 4)) }
sub claims_of ($token) { decode_json(bytes((split /\./, $token)[1])) }

sub sign ($signed, $key = $secret, $hmac = \&hmac_sha256) { "$signed." . b64url($hmac->($signed, $key)) }
# of header and claims in JSON, as they are
sub jwt ($header, $claims, @how) { sign(b64url($header) . '.' . b64url($claims), @how) }
# a header, with the claims of a good token
sub headed ($header, @how) { jwt($header, encode_json($claims), @how) }
# other claims; those that are undef are left out, and a reference to a string is JSON as it is written
sub claiming (%other) {
    my %all = map { $_ => encode_json($claims->{$_}) } keys %$claims;
    for my $name (keys %other) {
        if (defined $other{$name}) { $all{$name} = ref $other{$name} eq 'SCALAR' ? ${$other{$name}} : encode_json($other{$name}) }
        else                       { delete $all{$name} }
    }
    return jwt($header, '{' . join(',', map {"\"$_\":$all{$_}"} sort keys %all) . '}');
}
# claims, and one of them once more
sub twice ($json) { jwt($header, encode_json($claims) =~ s/\}$/,$json}/r) }

# -- the doors --

my $http = Chatterbox::Raw->new($server);

# an answer without its date
sub answer (@headers) {
    $http->request(GET => '/api/me', Host => '127.0.0.1:' . $server->port, @headers);
    my %fields = %{$http->{headers}};
    delete $fields{date};
    return join "\n", $http->status, (map {"$_: $fields{$_}"} sort keys %fields), $http->body;
}

my %door = (
    bearer => sub ($token) { answer(Authorization => "Bearer $token") },
    cookie => sub ($token) { answer(Cookie => "chatterbox_token=$token") },
    hello  => sub ($token) {
        my $raw = Chatterbox::Raw->open($server);
        $raw->json({type => 'hello', token => $token});
        my $frame = $raw->read_frame // return 'the end';
        return $frame->{op} == Chatterbox::Raw::CLOSE ? 'close ' . unpack 'H*', $frame->{payload} : $frame->{payload};
    }
);
my %refusal = map { $_ => $door{$_}->('nonsense') } keys %door;

sub good ($token, $what) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    like $door{$_}->($token), qr/"username":"ada"/, "$what: good at the door $_" for sort keys %door;
}

sub refused ($token, $what, @doors) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $door{$_}->($token), $refusal{$_}, "$what: refused at the door $_, as any other" for @doors ? @doors : sort keys %door;
}

sub all_refused (%tokens) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    refused($tokens{$_}, $_) for sort keys %tokens;
}

story 'what a refusal looks like' => sub {
    like $refusal{$_}, qr/^401\n.*^www-authenticate: Bearer\n.*"code":"unauthorized"/ms, "$_: 401 unauthorized" for qw(bearer cookie);
    is $refusal{hello}, 'close 0fa3', 'hello: 4003';
    is answer(), $refusal{bearer}, 'no token at all: as a bad one';
    good($ada->token,       'the server\'s own');
    good(headed($header),   'one made by hand');
    good(claiming(x => 1),  'a claim more');
    good(claiming(iat => time + 86400), 'made in the future');
    good(claiming(exp => \'9223372036854775807'), 'an end that is far away');
    good(claiming(nbf => time - 10), 'a beginning that is past');
};

story 'the algorithm is HS256, whatever the header says (sections 2.1 and 3.1)' => sub {
    my %sum = ('' => sub (@) {''}, HS256 => \&hmac_sha256, HS384 => \&hmac_sha384, HS512 => \&hmac_sha512);
    for my $alg (qw(none None NONE nOnE hs256 Hs256 HS384 HS512 RS256 RS384 RS512 ES256 ES384 ES512 PS256 EdDSA HS1 HS256x), '', ' HS256') {
        my $json = encode_json({alg => $alg, typ => 'JWT'});
        refused(headed($json, $secret), "alg '$alg', signed with HS256");
        refused(headed($json, $secret, $sum{$alg}), "alg '$alg', and signed so") if $alg =~ /^HS(?:384|512)$/;
        refused(headed($json, $secret, $sum{''}), "alg '$alg', not signed");
    }
    all_refused(map { ("the header $_" => headed($_)) } '{"typ":"JWT"}', '{"alg":null,"typ":"JWT"}', '{"alg":256,"typ":"JWT"}',
        '{"alg":["HS256"],"typ":"JWT"}', '{"alg":{"HS256":1},"typ":"JWT"}', '{"ALG":"HS256","typ":"JWT"}', '{}', '[]', 'null', '"HS256"', '7',
        'x', '{', '{"alg":"HS256","alg":"none","typ":"JWT"}', "\xff", "{\"alg\":\"HS256\\u0000\",\"typ\":\"JWT\"}");
};

story 'a header that says more than ours is not ours (sections 2.8, 3.10 and 3.11; RFC 7515 section 4.1.11)' => sub {
    my $more = sub ($field) { headed("{\"alg\":\"HS256\",$field,\"typ\":\"JWT\"}") };
    all_refused(
        'no typ'           => headed('{"alg":"HS256"}'),
        'kid'              => $more->('"kid":"1"'),
        'kid of a file'    => $more->('"kid":"../../../../dev/null"'),
        'kid as SQL'       => $more->('"kid":"x\' UNION SELECT \'x"'),
        'jku'              => $more->('"jku":"http://127.0.0.1:1/keys"'),
        'x5u'              => $more->('"x5u":"http://127.0.0.1:1/cert"'),
        'jwk'              => $more->('"jwk":{"kty":"oct","k":"' . b64url($secret) . '"}'),
        'x5c'              => $more->('"x5c":["MIIB"]'),
        'crit'             => $more->('"crit":["exp"]'),
        'an unknown crit'  => $more->('"crit":["x"],"x":1'),
        'an empty crit'    => $more->('"crit":[]'),
        'b64 (RFC 7797)'   => $more->('"crit":["b64"],"b64":false'),
        'zip'              => $more->('"zip":"DEF"'),
        'cty (a token in a token)' => $more->('"cty":"JWT"'),
        map { ("the typ $_" => headed("{\"alg\":\"HS256\",\"typ\":$_}")) } '"at+jwt"', '"secevent+jwt"', '"JWE"', '""', 'null', '7', '["JWT"]'
    );
};

story 'signed by somebody else, or not' => sub {
    my $public = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";
    my $other  = Chatterbox->start;
    all_refused(
        'an empty key'          => headed($header, ''),
        'a zero byte as key'    => headed($header, "\0"),
        'half of the key'       => headed($header, substr $secret, 0, 32),
        'the key with its line feed' => headed($header, "$secret\n"),
        'the key as bytes'      => headed($header, pack 'H*', $secret),
        'another key'           => headed($header, 'x' x 64),
        'a public key'          => headed($header, $public),
        'the token of another server' => $other->account('ada', $word)->token,
        'no signature'          => "$head.$body.",
        'a short one'           => "$head.$body." . substr($sum, 0, 42),
        'a byte of one'         => "$head.$body.A",
        'of another token'      => "$head.$body." . (split /\./, $bob->token)[2],
        'other claims under it' => "$head." . b64url(encode_json({%$claims, sub => $bob->user->{id} . ''})) . ".$sum",
        'another header above it' => b64url('{"typ":"JWT","alg":"HS256"}') . ".$body.$sum"
    );
    $other->stop;
};

story 'there is one way to write a token' => sub {
    my ($last) = $sum =~ /(.)$/;
    my $alphabet = join '', 'A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_';
    my $at       = index $alphabet, $last;
    for my $bits (1 .. 3) {    # 43 characters have 258 bits, two of them unused
        my $same = substr $alphabet, $at ^ $bits, 1;
        ok bytes(substr($sum, 0, 42) . $same) eq bytes($sum), "control: $same for $last says the same";
        refused("$head.$body." . substr($sum, 0, 42) . $same, "... and is refused");
    }
    my ($n, $odd) = (0);
    do { $odd = claiming(x => ++$n) } until $odd =~ /\.[^.]*-[^.]*_[^.]*$/;
    good($odd, 'a signature with - and _');
    all_refused(
        'with + and /'         => $odd =~ s/([^.]*)$/$1 =~ tr{-_}{+\/}r/er,
        'with +'               => $odd =~ tr{-}{+}r,
        'with padding'         => "$odd=",
        'with all padding'     => join('.', map { $_ . '=' x (-length($_) % 4) } split /\./, $odd),
        'a percent sign'       => $odd =~ s/-/%2D/r,
        'two parts'            => "$head.$body",
        'one part'             => $body,
        'four parts'           => $ada->token . ".$sum",
        'five parts (JWE)'     => join('.', $ada->token, $sum, $sum),
        'a dot in front'       => '.' . $ada->token,
        'a dot behind'         => $ada->token . '.',
        'two dots'             => "$head..$body.$sum",
        'only dots'            => '..',
        'nothing'              => '',
        'two tokens'           => $ada->token . ',' . $ada->token,
        'JSON serialization'   => "{\"protected\":\"$head\"}",
        'in quotes of its own' => "'" . $ada->token . "'",
        'a character behind'   => $ada->token . 'A',
        'a space inside'       => "$head. $body.$sum",
        'a tab inside'         => "$head.\t$body.$sum"
    );
    refused($_->[1], $_->[0], 'hello') for ['a space in front', ' ' . $ada->token], ['a space behind', $ada->token . ' '],
        ['a line feed behind', $ada->token . "\n"], ['a NUL behind', $ada->token . "\0"], ['UTF-8', $ada->token . "\x{e9}"];
    refused($ada->token . $_, 'the byte ' . unpack('H*', $_) . ' behind', 'bearer', 'cookie') for "\xff", "\xc3\xa9";
};

story 'when it is good' => sub {
    my $now = time;
    all_refused(
        'expired'         => claiming(exp => $now - 1),
        'expired a minute ago: no leeway' => claiming(exp => $now - 60),
        'no exp'          => claiming(exp => undef),
        'no iat'          => claiming(iat => undef),
        (map { ("exp $_" => claiming(exp => \"$_")) } "\"$claims->{exp}\"", "$claims->{exp}.5", '1e10', '1e30', '-1', '-9223372036854775808', '0', 'null', 'true',
            '99999999999999999999', "[$claims->{exp}]", '{}'),
        (map { ("iat $_" => claiming(iat => \"$_")) } "\"$claims->{iat}\"", '0', '-1', 'null', '1e9', '99999999999999999999'),
        'nbf tomorrow'    => claiming(nbf => $now + 86400),
        (map { ("nbf $_" => claiming(nbf => \"$_")) } '"1"', '-1', '0', 'null', '1.5', '[]'),
        'exp twice, the last is past' => twice('"exp":1'),
        'a float once more'           => twice("\"exp\":$claims->{exp}.0")
    );
};

story 'whose it is' => sub {
    my ($mine, $bobs) = map { $_->user->{id} } $ada, $bob;
    my $jti = $claims->{jti};
    all_refused(
        'no issuer'        => claiming(iss => undef),
        (map { ("the issuer $_" => claiming(iss => \$_)) } '"somebody"', '"Chatterbox"', '"chatterbox "', '""', 'null', '7', '["chatterbox"]', '"chatterbox\u0000"'),
        'no sub'           => claiming(sub => undef),
        (map { ("the sub $_" => claiming(sub => \"$_")) } $mine, "\"$bobs\"", '"999999"', "\"-$mine\"", "\"+$mine\"", "\"0$mine\"", "\" $mine\"", "\"$mine \"",
            "\"$mine.0\"", "\"${mine}e0\"", "\"0x$mine\"", '"0"', '""', 'null', "[\"$mine\"]", '"ada"', '"9007199254740993"', '"18446744073709551619"', '"\u0663"'),
        'no jti'           => claiming(jti => undef),
        'a jti that nobody has' => claiming(jti => 'ab' x 16),
        'the jti of another'    => claiming(jti => claims_of($bob->token)->{jti}),
        'a jti in capitals'     => claiming(jti => uc($jti) =~ s/^\d+$/ABCDEF/r),
        (map { ("the jti $_" => claiming(jti => \$_)) } '""', 'null', '7', "\"${jti}0\"", '"' . substr($jti, 1) . '"', "[\"$jti\"]", "\"%' OR 1=1 --\""),
        'no name'          => claiming(name => undef),
        (map { ("the name $_" => claiming(name => \$_)) } '""', 'null', '"a b"', '"../x"'),
        'another is named last' => twice("\"sub\":\"$bobs\"")
    );
    good(twice("\"sub\":\"$mine\""), 'named twice, and the same');
};

story 'what is no object, too big or too deep' => sub {
    my $pad = sub ($length) { claiming(pad => 'x' x $length) };
    good($pad->(2000), 'three thousand bytes');
    all_refused(
        '5 kB'            => $pad->(3800),
        '5 kB of noise'   => 'x' x 5000,
        '20 kB'           => $pad->(15000),
        (map { ("the claims $_" => jwt($header, $_)) } '[]', 'null', '7', '"x"', '', '{', '{}', '{"exp":}', encode_json($claims) . 'x', encode_json([$claims])),
        'deep'            => jwt($header, '[' x 2900),
        'deep and closed' => jwt($header, '[' x 1400 . ']' x 1400),
        'deep objects'    => jwt($header, '{"a":' x 500 . '1' . '}' x 500),
        'no UTF-8'        => jwt($header, encode_json($claims) =~ s/\}$/,"x":"\xff\xfe"}/r),
        'a surrogate'     => claiming(x => \'"\ud800"'),
        'a NUL'           => claiming(x => \'"\u0000"')
    );
    my $huge = 'x' x (1 << 20);
    my $raw  = Chatterbox::Raw->new($server);
    my $said = eval { $raw->request(GET => '/api/me', Host => 'x', Authorization => "Bearer $huge")->status } // 'cut off';
    like $said, qr/^(?:400|401|413|431|cut off)$/, "1 MB in a header: $said";
    $raw = Chatterbox::Raw->open($server);
    $raw->json({type => 'hello', token => $huge});
    is $raw->close_code, 1009, '1 MB in hello: too big';
    good($ada->token, 'after all that, what is good');
};

story 'where a token is not looked for' => sub {
    my $token = $ada->token;
    my @way   = (
        [Authorization => $token], [Authorization => "Basic $token"], [Authorization => "JWT $token"], [Authorization => "Bearer:$token"],
        [Authorization => "Bearer"], ['X-Authorization' => "Bearer $token"], ['Proxy-Authorization' => "Bearer $token"], ['X-Access-Token' => $token],
        [Cookie => "token=$token"], [Cookie => "Chatterbox_Token=$token"], [Cookie => "xchatterbox_token=$token"], [Cookie => "a=chatterbox_token=$token"]
    );
    like answer(@$_), qr/^401\n/, "$_->[0]: " . substr $_->[1], 0, 20 for @way;
    for my $query ("token=$token", "access_token=$token", "chatterbox_token=$token") {
        is_problem $server->get("/api/me?$query"), 401, 'unauthorized', 'in the URL, as ' . substr $query, 0, 12;
        my $raw = Chatterbox::Raw->new($server);
        $raw->request(GET => "/ws?$query", Host => 'x', Upgrade => 'websocket', Connection => 'Upgrade', 'Sec-WebSocket-Key' => $raw->key, 'Sec-WebSocket-Version' => 13);
        is $raw->status, 101, '... the WebSocket opens';
        $raw->json({type => 'hello'});
        is $raw->close_code, 4003, '... but not with it';
    }
    is_problem $server->post('/api/rooms/1/messages', {text => 'x', token => $token, access_token => $token}), 401, 'unauthorized', 'in a body';
    like answer(Authorization => 'Bearer x', Cookie => "chatterbox_token=$token"), qr/^401\n/, 'a bad header is not made good by the cookie';
    like answer(Cookie => "chatterbox_token=x; chatterbox_token=$token"), qr/^401\n/, '... nor the first cookie by a second';
    my $raw = Chatterbox::Raw->open($server, Cookie => "chatterbox_token=$token", Origin => $server->url);
    $raw->json({type => 'hello', token => 'x'});
    is $raw->close_code, 4003, '... nor that of hello by the cookie';
    my $signature = $sum;
    unlike $server->log, qr/\Q$signature\E/, 'nothing of it is in the log';
};

story 'whose session is over' => sub {
    my $again = Chatterbox::Client->new(server => $server, name => 'ada')->login($word);
    good($again->token, 'a session');
    is $again->post('/api/logout')->code, 204, 'logged out';
    refused($again->token, 'it');
    refused(jwt($header, encode_json({%{claims_of($again->token)}, exp => time + 86400})), '... with a longer life');
    my $other = Chatterbox::Client->new(server => $server, name => 'ada')->login($word);
    is $server->request(PATCH => '/api/me', {old_password => $word, password => 'another horse battery'}, $other->auth)->code, 200, 'a new password';
    refused($ada->token, 'a session from before');
    good($other->token, 'the one that did it');
    refused($server->guest('gus')->post('/api/logout') && claiming(jti => claims_of($other->token)->{jti}, sub => '999'), 'nobody\'s');
};

$server->stop;

story 'the key has 32 bytes at least' => sub {
    my $dir = File::Temp->newdir;
    for my $length (0, 1, 31, 32) {
        my $key = 'k' x $length;
        for my $line ("chatterbox.token-secret: \"$key\"", "chatterbox.token-secret-file: $dir/key") {
            write_file("$dir/key", "$key\n");
            write_file("$dir/c.yaml", "listen: {host: 127.0.0.1, port: 0}\n$line\nchatterbox.database: $dir/db\nhosts: {default: {paths: {\"/api\": {chatterbox.api: ON}}}}\n");
            my $said = Chatterbox::binary();
            $said = qx('$said' -c '$dir/c.yaml' -t 2>&1);
            my ($directive) = $line =~ /^([\w.-]+)/;
            if ($length < 32) { ok $? >> 8 == 1 && $said =~ /32/, "$directive of $length bytes: refused" or diag $said }
            else              { is $?, 0, "$directive of $length bytes: taken" or diag $said }
        }
    }
};

sub write_file ($path, $text) {
    open my $out, '>', $path or die "$path: $!";
    chmod 0600, $path;
    print $out $text;
    close $out;
}

done_testing;
