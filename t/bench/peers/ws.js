// ws.js -- Node.js and npm's `ws` as a chat server: what a frame says goes to everybody, the sender included.
//
//     node t/bench/peers/ws.js        prints its port; /ws; ends with SIGTERM
//
// As its own documentation writes a broadcast: a loop over the clients, each text as a string. Compression is off, as it
// is by default, and so is the check for UTF-8, which costs and which the others' bare loops do not make either.
'use strict';

const path = require('path');
const { WebSocketServer, WebSocket } = require(path.join(__dirname, '../../../deps/node_modules/ws'));

const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    path: '/ws',
    backlog: 4096, // thousands come at once
    perMessageDeflate: false,
    skipUTF8Validation: true,
});

server.on('connection', (one) => {
    one.on('message', (data) => {
        for (const client of server.clients) {
            if (client.readyState === WebSocket.OPEN) client.send(data, { binary: false });
        }
    });
    one.on('error', () => one.terminate());
});

server.on('listening', () => console.log(server.address().port));
