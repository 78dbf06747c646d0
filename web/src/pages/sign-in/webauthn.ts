// SPDX-License-Identifier: Apache-2.0
// Between the JSON forms of WebAuthn and what browsers take and give. Newer ones can do it themselves, not all yet.
import type { Schemas } from "../../api";

type Registration = Schemas["PasskeyRegistration"];
type Assertion = Schemas["PasskeyAssertion"];

interface Descriptor {
  id: string;
  transports?: AuthenticatorTransport[];
}

/** Whether this browser has passkeys at this address at all. */
export const passkeysPossible = typeof PublicKeyCredential === "function" && isSecureContext;

function bytes(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
}

function base64url(buffer: ArrayBuffer): string {
  let plain = "";
  for (const byte of new Uint8Array(buffer)) plain += String.fromCharCode(byte);
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function descriptors(list: unknown): PublicKeyCredentialDescriptor[] {
  return ((list ?? []) as Descriptor[]).map((one) => ({ type: "public-key", id: bytes(one.id), transports: one.transports ?? [] }));
}

/** What went wrong, in words; browsers tell little, so that pages cannot find out who has a passkey. */
function refused(cause: unknown): Error {
  const name = cause instanceof DOMException ? cause.name : "";
  if (name === "InvalidStateError") return new Error("This device has a passkey of yours already.");
  if (name === "NotAllowedError" || name === "AbortError") return new Error("Nothing was done: it was cancelled, took too long, or no passkey fits. Try again.");
  if (name === "SecurityError") return new Error("The browser allows no passkeys at this address. Open the portal by the name the server is known by.");
  return cause instanceof Error ? cause : new Error(String(cause));
}

export async function createPasskey(options: Schemas["PasskeyCreation"]): Promise<Registration> {
  const user = options.user as unknown as { id: string; name: string; displayName: string };
  try {
    const made = (await navigator.credentials.create({
      publicKey: { ...(options as unknown as PublicKeyCredentialCreationOptions), challenge: bytes(options.challenge), user: { ...user, id: bytes(user.id) }, excludeCredentials: descriptors(options.excludeCredentials) },
    })) as PublicKeyCredential;
    const response = made.response as AuthenticatorAttestationResponse;
    return {
      response: {
        clientDataJSON: base64url(response.clientDataJSON),
        attestationObject: base64url(response.attestationObject),
        transports: response.getTransports?.() ?? [],
      },
    };
  } catch (cause) {
    throw refused(cause);
  }
}

export async function askPasskey(options: Schemas["PasskeyRequest"]): Promise<Assertion> {
  try {
    const shown = (await navigator.credentials.get({
      publicKey: { ...(options as unknown as PublicKeyCredentialRequestOptions), challenge: bytes(options.challenge), allowCredentials: descriptors(options.allowCredentials) },
    })) as PublicKeyCredential;
    const response = shown.response as AuthenticatorAssertionResponse;
    return {
      id: shown.id,
      response: {
        clientDataJSON: base64url(response.clientDataJSON),
        authenticatorData: base64url(response.authenticatorData),
        signature: base64url(response.signature),
        userHandle: response.userHandle ? base64url(response.userHandle) : null,
      },
    };
  } catch (cause) {
    throw refused(cause);
  }
}
