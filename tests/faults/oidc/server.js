// An OAuth server by people who know the standard (npm oidc-provider), set to be as strict as it can be about refresh
// tokens: each works once, and one shown again revokes its whole family; codes want their verifier. Its own pages ask
// for consent. tests/faults/token_expiries.py starts it, tests/judges/oidc.py drives the product against it.
//
//   node server.js PORT     GET /grant a refresh token to begin with; GET /count what the token endpoint has said

import http from 'node:http';
import Provider from 'oidc-provider';

const port = Number(process.argv[2]);
const count = { given: 0, refused: 0 };

// The adapter that comes with it forgets all but the last thousand things it was told.
const kept = new Map();
class Memory {
  constructor(name) { this.name = name; }
  key(id) { return `${this.name}:${id}`; }
  async upsert(id, payload) { kept.set(this.key(id), payload); }
  async find(id) { return kept.get(this.key(id)); }
  async findByUid(uid) { return [...kept.values()].find((payload) => payload.uid === uid); }
  async consume(id) { kept.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { kept.delete(this.key(id)); }
  async revokeByGrantId(grantId) {
    for (const [key, payload] of kept) if (payload.grantId === grantId) kept.delete(key);
  }
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: Memory,
  clients: [{
    client_id: 'sheaf',
    client_secret: 'sheaf-at-oidc',
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: ['http://127.0.0.1:8000/connect/xero/callback'],
  }],
  findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  features: { introspection: { enabled: true }, revocation: { enabled: true } },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  ttl: { AccessToken: 3600, IdToken: 3600, RefreshToken: 1_209_600, Grant: 1_209_600 },
  cookies: { keys: ['a scratch server has no secret'] },
});
provider.on('grant.success', () => { count.given += 1; });
provider.on('grant.error', () => { count.refused += 1; });

async function grant() {
  const client = await provider.Client.find('sheaf');
  const allowed = new provider.Grant({ accountId: 'acme', clientId: client.clientId });
  allowed.addOIDCScope('openid offline_access');
  const about = { accountId: 'acme', client, grantId: await allowed.save(), scope: 'openid offline_access' };
  return new provider.RefreshToken({ ...about, gty: 'authorization_code' }).save();
}

const answer = provider.callback();
http.createServer(async (request, response) => {
  if (request.url === '/grant') response.end(await grant());
  else if (request.url === '/count') response.end(JSON.stringify(count));
  else answer(request, response);
}).listen(port, '127.0.0.1');
