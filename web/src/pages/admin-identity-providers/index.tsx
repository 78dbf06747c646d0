// SPDX-License-Identifier: Apache-2.0
// The systems whose accounts people sign in with. They are named in the settings; here is what is set, and how.
import { useGet } from "../../api";
import { DeniedOr, isDenied } from "../../records";
import { Code, Copy, DataTable, Empty, Loaded, Page, Panel } from "../../ui";
import type { Schemas } from "../../api";
import styles from "./providers.module.css";

const KINDS: Record<Schemas["SignInProvider"]["kind"], string> = { oidc: "OpenID Connect", github: "GitHub" };

const EXAMPLE = `auth:
  providers:
    corp:
      kind: oidc
      title: Example login
      issuer: https://login.example.com/realms/main
      client_id: fairway
      client_secret: "\${CORP_CLIENT_SECRET}"
      scopes: [openid, profile, email, groups]
      trusted_domains: [example.com]
      sign_up: true
      teams: { "platform-admins": platform }
    github:
      kind: github
      client_id: Iv1.0123456789abcdef
      client_secret: { $file: /etc/fairway/github-secret }
      organizations: [acme]
      sign_up: true
`;

const callback = (id: string) => `${location.origin}/api/auth/providers/${id}/callback`;

function HowTo() {
  return (
    <Panel title="Configure a provider">
      <div className={styles.text}>
      <p>Register Fairway at the provider as a confidential application with the authorization code flow. Its redirect URI is, exactly, <code>{callback("ID")}</code>, with the id that you give it below. Then say so in the settings file and start the server anew:</p>
      <Code label="Settings of two providers" language="yaml" text={EXAMPLE} />
      <ul>
        <li><code>trusted_domains</code>: domains whose verified addresses are linked to the account here with that address. List only domains that the provider controls.</li>
        <li><code>sign_up</code>: whoever is not here yet gets an account, without a role.</li>
        <li><code>teams</code>: which group there is which team here; looked at anew at each sign-in.</li>
      </ul>
      <p>A mistake in an entry stops the start and is named. Why a sign-in failed stands in the audit trail as <code>auth.provider_sign_in_failed</code>.</p>
      </div>
    </Panel>
  );
}

export default function IdentityProviders() {
  const providers = useGet("/api/auth/providers", {});
  return (
    <Page title="Sign-in providers" lead="People sign in with accounts of these systems, beside passwords and passkeys.">
      {isDenied(providers.error) ? <DeniedOr error={providers.error} /> : (
        <Loaded query={providers} isEmpty={(data) => data.items.length === 0} empty={<Empty title="No provider is set up">People sign in with passwords and passkeys. There may be up to 16 providers.</Empty>}>
          {(data) => (
            <DataTable
              label="Sign-in providers" rows={data.items} rowKey={(row) => row.id}
              columns={[
                { id: "title", header: "Name", width: "12rem", cell: (row) => <bdi>{row.title}</bdi> },
                { id: "id", header: "Id", width: "8rem", cell: (row) => <code>{row.id}</code> },
                { id: "kind", header: "Kind", width: "10rem", cell: (row) => KINDS[row.kind] },
                { id: "callback", header: "Redirect URI", priority: 1, cell: (row) => <><code>{callback(row.id)}</code> <Copy text={callback(row.id)} label="Copy the redirect URI" /></> },
              ]}
            />
          )}
        </Loaded>
      )}
      <HowTo />
    </Page>
  );
}
