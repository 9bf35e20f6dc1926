// B admin API: lite has none. Create, list, read, update and delete users, for holders of the secret key.
import crypto from "node:crypto";
import bcrypt from "bcryptjs";
import { json } from "./responses.mjs";

const USER_PATH = /^\/auth\/v1\/admin\/users\/([0-9a-f-]{36})$/;

function shown(user, identities = []) {
  return {
    id: user.id,
    aud: user.aud,
    role: user.role,
    email: user.email ?? "",
    phone: user.phone ?? "",
    email_confirmed_at: user.email_confirmed_at,
    confirmed_at: user.email_confirmed_at,
    last_sign_in_at: user.last_sign_in_at,
    app_metadata: user.raw_app_meta_data ?? {},
    user_metadata: user.raw_user_meta_data ?? {},
    identities,
    created_at: user.created_at,
    updated_at: user.updated_at,
    is_anonymous: user.is_anonymous,
  };
}

const refuse = (status, error_code, msg) => json({ code: status, error_code, msg }, status);
// the least that bcrypt takes: these are passwords of nobody, and tests make thousands of them
const hashed = (password) => bcrypt.hash(password, 4);

export function createAdmin(sql) {
  async function create(body) {
    const email = body.email?.toLowerCase();
    if (!email) return refuse(400, "validation_failed", "Cannot create a user without an email");
    if ((await sql`select 1 from auth.users where email = ${email}`).length)
      return refuse(422, "email_exists", "A user with this email address has already been registered");
    const id = body.id ?? crypto.randomUUID();
    const password = await hashed(body.password ?? crypto.randomUUID());
    const confirmedAt = body.email_confirm ? new Date().toISOString() : null;
    const appMetadata = { provider: "email", providers: ["email"], ...body.app_metadata };
    const user = await sql.begin(async (tx) => {
      const [row] = await tx`
        insert into auth.users (id, email, encrypted_password, email_confirmed_at, raw_app_meta_data, raw_user_meta_data)
        values (${id}, ${email}, ${password}, ${confirmedAt}, ${tx.json(appMetadata)}, ${tx.json(body.user_metadata ?? {})})
        returning *`;
      const identity = { sub: id, email, email_verified: Boolean(body.email_confirm), phone_verified: false };
      await tx`
        insert into auth.identities (id, provider, provider_id, user_id, identity_data)
        values (${crypto.randomUUID()}, 'email', ${id}, ${id}, ${tx.json(identity)})`;
      return row;
    });
    return json(shown(user));
  }

  async function list(url) {
    const size = Math.min(Number(url.searchParams.get("per_page")) || 50, 1000);
    const page = Number(url.searchParams.get("page")) || 1;
    const users = await sql`
      select * from auth.users order by created_at desc, id limit ${size} offset ${(page - 1) * size}`;
    const [{ total }] = await sql`select count(*)::int as total from auth.users`;
    return json({ users: users.map((user) => shown(user)), aud: "authenticated" }, 200, {
      "x-total-count": String(total),
    });
  }

  async function update(id, body) {
    const password = body.password ? await hashed(body.password) : null;
    const confirmedAt = body.email_confirm ? new Date().toISOString() : null;
    const [user] = await sql`
      update auth.users set
        email = coalesce(${body.email?.toLowerCase() ?? null}, email),
        encrypted_password = coalesce(${password}, encrypted_password),
        email_confirmed_at = coalesce(email_confirmed_at, ${confirmedAt}::timestamptz),
        raw_user_meta_data = coalesce(raw_user_meta_data, '{}') || ${sql.json(body.user_metadata ?? {})},
        raw_app_meta_data = coalesce(raw_app_meta_data, '{}') || ${sql.json(body.app_metadata ?? {})},
        updated_at = now()
      where id = ${id} returning *`;
    return json(shown(user));
  }

  /** Answer a request below /auth/v1/admin; the caller has checked the key. */
  return async function admin(request, url) {
    const hasBody = ["POST", "PUT", "PATCH"].includes(request.method);
    const body = hasBody ? await request.json().catch(() => ({})) : {};
    if (url.pathname === "/auth/v1/admin/users") {
      if (request.method === "POST") return create(body);
      if (request.method === "GET") return list(url);
    }
    const id = USER_PATH.exec(url.pathname)?.[1];
    if (!id) return refuse(501, "not_implemented", "The local gateway has no such admin route");
    const [user] = await sql`select * from auth.users where id = ${id}`;
    if (!user) return refuse(404, "user_not_found", "User not found");
    if (request.method === "GET") return json(shown(user));
    if (request.method === "PUT") return update(id, body);
    if (request.method === "DELETE") {
      await sql`delete from auth.users where id = ${id}`;
      return json({});
    }
    return refuse(405, "method_not_allowed", "Method not allowed");
  };
}
