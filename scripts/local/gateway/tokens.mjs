// Access tokens: hosted projects sign with ES256 and publish a JWKS; lite knows HS256 only.
// Outgoing tokens are signed again with this project's key, incoming ones are verified and handed to lite as HS256.
import crypto from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";
import * as jose from "jose";
import { settings } from "./settings.mjs";

const KNOWN_TOKENS = 1000;
const inner = new TextEncoder().encode(settings.jwtSecret);

async function signingKey() {
  const file = path.join(settings.stateDirectory, "signing-key.json");
  try {
    return JSON.parse(await fs.readFile(file, "utf8"));
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  const pair = await jose.generateKeyPair("ES256", { extractable: true });
  const key = { ...(await jose.exportJWK(pair.privateKey)), kid: crypto.randomUUID(), alg: "ES256", use: "sig" };
  await fs.writeFile(file, JSON.stringify(key), { mode: 0o600 });
  return key;
}

/** Everything about tokens for a gateway at `origin`. `sql` reads what a hosted token says about its user. */
export async function createTokens(origin, sql) {
  const issuer = `${origin}/auth/v1`;
  const jwk = await signingKey();
  const { d: _private, ...publicJwk } = jwk;
  const signer = await jose.importJWK(jwk, "ES256");
  const verifier = await jose.importJWK(publicJwk, "ES256");
  const jwks = { keys: [{ ...publicJwk, key_ops: ["verify"], ext: true }] };

  const sign = (claims) =>
    new jose.SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: jwk.kid, typ: "JWT" }).sign(signer);
  const signInner = (claims) => new jose.SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "JWT" }).sign(inner);

  // B claims: lite leaves out iss, aal, amr, phone, the metadata and is_anonymous
  async function hostedClaims(claims) {
    const [user] = await sql`
      select raw_app_meta_data, raw_user_meta_data, is_anonymous, phone from auth.users where id = ${claims.sub}`;
    return {
      iss: issuer,
      aal: "aal1",
      amr: [{ method: "password", timestamp: claims.iat }],
      app_metadata: user?.raw_app_meta_data ?? {},
      user_metadata: user?.raw_user_meta_data ?? {},
      is_anonymous: user?.is_anonymous ?? false,
      phone: user?.phone ?? "",
      ...claims,
    };
  }

  // as PostgREST does: a signature is verified once, and then only the time is looked at
  const known = new Map();
  async function verified(token) {
    const now = Math.floor(Date.now() / 1000);
    if (known.get(token)?.exp > now) return known.get(token);
    known.delete(token);
    const { payload } = await jose.jwtVerify(token, verifier, { algorithms: ["ES256"], issuer });
    if (known.size === KNOWN_TOKENS) known.delete(known.keys().next().value);
    known.set(token, payload);
    return payload;
  }

  return {
    issuer,
    jwks,
    sign,

    /** What a token of ours says; null when it is none, or holds no longer or not yet (lite has an answer for each). */
    async claims(token) {
      const claims = await verified(token).catch(() => null);
      return claims?.iat > Date.now() / 1000 ? null : claims;
    },

    /** lite's HS256 access token, signed again as hosted Auth would have. */
    async toHosted(token) {
      const { payload } = await jose.jwtVerify(token, inner, { algorithms: ["HS256"] });
      return sign(await hostedClaims(payload));
    },

    /** A verified ES256 token as the HS256 copy lite accepts; null when it is not ours (lite then refuses it). */
    async toInner(token) {
      try {
        if (jose.decodeProtectedHeader(token).alg !== "ES256") return null;
        return await signInner(await verified(token));
      } catch (error) {
        // lite has a proper answer for an expired token, so it gets one
        if (error instanceof jose.errors.JWTExpired)
          return signInner({ role: "authenticated", sub: crypto.randomUUID(), exp: 1 });
        return null;
      }
    },

    /** B API keys: the sb_ keys and the legacy HS256 anon/service_role keys. */
    async apiKey(key) {
      if (key === settings.publishableKey) return { type: "publishable", claims: { role: "anon" } };
      if (key === settings.secretKey) return { type: "secret", claims: { role: "service_role" } };
      if (key?.split(".").length !== 3) return null;
      try {
        const { payload } = await jose.jwtVerify(key, inner, { algorithms: ["HS256"] });
        if (payload.role === "anon") return { type: "publishable", claims: payload };
        if (payload.role === "service_role") return { type: "secret", claims: payload };
      } catch {
        // not a key of ours
      }
      return null;
    },
  };
}
