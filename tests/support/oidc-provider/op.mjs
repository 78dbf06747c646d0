// SPDX-License-Identifier: Apache-2.0
// A real OpenID Provider on loopback:  node op.mjs PACKAGES PORT REDIRECT-URI...
// One client for each algorithm (rs256, es256, eddsa), all with the secret "secret"; whoever signs in at its forms is
// <login>@example.org, verified unless the login begins with "unverified", in the groups of the login's parts after a "+".
import { generateKeyPairSync } from "node:crypto";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [packages, port, ...redirectUris] = process.argv.slice(2);
const entry = createRequire(join(resolve(packages), "package.json")).resolve("oidc-provider");
const { Provider } = await import(pathToFileURL(entry));

const key = (kid, type, options) => ({ ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }), kid, use: "sig" });
const client = (alg) => ({
  client_id: alg.toLowerCase(),
  client_secret: "secret",
  redirect_uris: redirectUris,
  response_types: ["code"],
  grant_types: ["authorization_code"],
  id_token_signed_response_alg: alg,
});

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: ["RS256", "ES256", "EdDSA"].map(client),
  jwks: { keys: [key("rsa", "rsa", { modulusLength: 2048 }), key("ec", "ec", { namedCurve: "P-256" }), key("ed", "ed25519", {})] },
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256", "EdDSA"] },
  cookies: { keys: ["for tests only"] },
  pkce: { required: () => true },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "preferred_username"], groups: ["groups"] },
  ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Grant: 600, Interaction: 600, Session: 600 },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: `${id} of the tests`,
      preferred_username: id,
      email: `${id.split("+")[0]}@example.org`,
      email_verified: !id.startsWith("unverified"),
      groups: id.split("+").slice(1),
    }),
  }),
});
provider.on("server_error", (_, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
