// A real authorization server for the tests: oidc-provider over https on loopback, told what to be by a JSON file.
//
//     node server.mjs CONFIGURATION.json
//
// SIGHUP reads the file again: new signing keys, clients or TLS certificate, with the ports and the tokens as they were.
// SIGTERM, or the end of standard input, ends it. Standard output: "ready N" when reading number N of the file is in
// force, "failed N: why" when it is not. support/authorization_server.py writes the file; its members are
//
//     issuer               https://localhost:PORT, or with a path behind that
//     port, mtlsPort       both on 127.0.0.1; only the second one asks for a client certificate
//     behind               true: a server in front ends TLS and authenticates the clients. One port, without TLS; the
//                          certificate is the one that it says in Client-Cert (RFC 9440)
//     key, certificate     PEM files of both ports
//     clientAuthority      PEM file: who vouches for tls_client_auth
//     log                  file that gets one JSON line a request
//     rfc8414              false: only the OpenID form of the metadata, as oidc-provider has it
//     signingKeys, signWith    private JWKs, all published; the kid that signs
//     resources            {"urn:api": {"format": "jwt" | "opaque", "scope": "read write", "seconds": 600}}
//     clients              client metadata of RFC 7591 and RFC 8705

import { X509Certificate } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

import Provider, { errors } from 'oidc-provider';

const ENDPOINTS = ['token', 'introspection', 'revocation'];

// oidc-provider talks on the console; standard output is ours
console.log = console.error;
console.info = console.error;
console.warn = console.error;

const file = process.argv[2];
let settings;
let answer; // what answers a request now: the callback of the last provider that was made
let readings = 0;

const say = (line) => process.stdout.write(`${line}\n`);

const forwardedCertificate = (ctx) => {
  const field = /^:([A-Za-z0-9+/]+=*):$/.exec(ctx.get('client-cert'));
  return field ? new X509Certificate(Buffer.from(field[1], 'base64')) : undefined;
};

const peerCertificate = (ctx) => {
  if (settings.behind) {
    return forwardedCertificate(ctx);
  }
  const { raw } = ctx.socket.getPeerCertificate();
  return raw ? new X509Certificate(raw) : undefined;
};

// node shows a subject in the order of the DER, one attribute a line; RFC 4514 text is the other way round
const subject = (certificate) => certificate.subject.split('\n').reverse().join(',');

const subjectMatches = (ctx, property, expected) => {
  if (settings.behind) {
    return true;
  }
  const certificate = peerCertificate(ctx);
  if (property === 'tls_client_auth_subject_dn') {
    return subject(certificate) === expected;
  }
  return property === 'tls_client_auth_san_dns'
    && (certificate.subjectAltName ?? '').split(', ').includes(`DNS:${expected}`);
};

function resourceServer(ctx, resource) {
  const known = settings.resources[resource];
  if (!known) {
    throw new errors.InvalidTarget();
  }
  return {
    audience: resource,
    scope: known.scope,
    accessTokenTTL: known.seconds,
    accessTokenFormat: known.format,
    jwt: { sign: { alg: signingKey().alg, kid: settings.signWith } },
  };
}

const signingKey = () => settings.signingKeys.find((key) => key.kid === settings.signWith);

// oidc-provider keeps no JWTs and so knows nothing of them when it is asked; this keeps those it made until they are revoked
function keepJwts({ ClientCredentials }) {
  const kept = new Map();
  const { save, destroy } = ClientCredentials.prototype;
  const { find } = ClientCredentials;
  ClientCredentials.prototype.save = async function saveJwt(...args) {
    const value = await save.apply(this, args);
    const [, payload, signature] = value.split('.');
    if (signature) {
      const { exp, iat } = JSON.parse(Buffer.from(payload, 'base64url'));
      kept.set(value, Object.assign(this, { exp, iat }));
    }
    return value;
  };
  ClientCredentials.prototype.destroy = async function destroyJwt() {
    kept.forEach((token, value) => token === this && kept.delete(value));
    await destroy.call(this);
  };
  ClientCredentials.find = async function findJwt(value, ...rest) {
    return kept.get(value) ?? find.call(this, value, ...rest);
  };
}

function makeProvider() {
  const { host, origin, pathname } = new URL(settings.issuer);
  const base = pathname === '/' ? '' : pathname;
  const mtls = origin.replace(/:\d+$/, `:${settings.mtlsPort}`);
  const paths = { token: '/token', introspection: '/introspect', revocation: '/revoke', jwks: '/jwks' };
  const provider = new Provider(settings.issuer, {
    clients: settings.clients,
    jwks: { keys: settings.signingKeys },
    routes: paths,
    responseTypes: [],
    scopes: [],
    cookies: { keys: ['not used: no browser comes here'] },
    clientDefaults: { id_token_signed_response_alg: signingKey().alg },
    clientAuthMethods: ['tls_client_auth', 'self_signed_tls_client_auth', 'client_secret_basic', 'client_secret_post'],
    discovery: settings.behind ? {} : {
      mtls_endpoint_aliases: Object.fromEntries(ENDPOINTS.map((name) => [`${name}_endpoint`, mtls + base + paths[name]])),
    },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: () => true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        tlsClientAuth: true,
        selfSignedTlsClientAuth: true,
        getCertificate: peerCertificate,
        certificateAuthorized: (ctx) => settings.behind || ctx.socket.authorized,
        certificateSubjectMatches: subjectMatches,
      },
      resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
    },
    ttl: { ClientCredentials: (ctx, token) => token.resourceServer.accessTokenTTL },
  });
  keepJwts(provider);
  provider.proxy = Boolean(settings.behind);
  provider.on('server_error', (ctx, error) => console.error(error));
  const callback = provider.callback();
  const metadata = `/.well-known/oauth-authorization-server${base}`;
  return (request, response) => {
    const [path] = request.url.split('?');
    if (settings.rfc8414 && path === metadata) {
      request.url = `${base}/.well-known/openid-configuration`;
    } else if (!path.startsWith(`${base}/`)) {
      response.writeHead(404).end();
      return;
    }
    // oidc-provider makes the URLs of its metadata from these: the host asked for, and the path it is mounted at
    request.headers.host = host;
    request.originalUrl = request.url;
    request.url = request.url.slice(base.length);
    callback(request, response);
  };
}

function serve(request, response) {
  const line = { time: Date.now() / 1000, method: request.method, path: request.url, port: request.socket.localPort };
  response.on('close', () => {
    appendFileSync(settings.log, `${JSON.stringify({ ...line, status: response.statusCode })}\n`);
  });
  answer(request, response);
}

const tlsOptions = () => ({
  key: readFileSync(settings.key),
  cert: readFileSync(settings.certificate),
  ca: readFileSync(settings.clientAuthority),
});

function read() {
  settings = JSON.parse(readFileSync(file));
  answer = makeProvider();
}

const listening = [];

async function listen(port, requestCert) {
  const server = settings.behind ? http.createServer(serve)
    : https.createServer({ ...tlsOptions(), requestCert, rejectUnauthorized: false }, serve);
  await new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve);
  });
  listening.push(server);
}

process.on('SIGHUP', () => {
  readings += 1;
  try {
    read();
    listening.forEach((server) => server.setSecureContext?.(tlsOptions()));
    say(`ready ${readings}`);
  } catch (error) {
    say(`failed ${readings}: ${error.message}`);
  }
});
process.on('SIGTERM', () => process.exit(0));
process.stdin.on('end', () => process.exit(0)).resume();

read();
await listen(settings.port, false);
if (!settings.behind) {
  await listen(settings.mtlsPort, true);
}
readings = 1;
say(`ready ${readings}`);
