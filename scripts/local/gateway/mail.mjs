// Auth's mails, sent by real SMTP. The links lead to the frontend with a token_hash (verify_otp takes it), which
// works the same on a hosted project with the templates in supabase/templates.
import { AsyncLocalStorage } from "node:async_hooks";
import path from "node:path";
import nodemailer from "nodemailer";
import { settings } from "./settings.mjs";

const TEMPLATES = path.join(import.meta.dirname, "..", "..", "..", "supabase", "templates");

/** Subjects and files; supabase/config.toml names the same ones for the real Auth server. */
export const templates = {
  confirmation: { subject: "Confirm your address", content_path: path.join(TEMPLATES, "confirmation.html") },
  recovery: { subject: "Choose a new password", content_path: path.join(TEMPLATES, "recovery.html") },
  magic_link: { subject: "Your sign-in link", content_path: path.join(TEMPLATES, "magic_link.html") },
  email_change: { subject: "Confirm your new address", content_path: path.join(TEMPLATES, "email_change.html") },
};

const LINK_TYPES = { magiclink: "email", signup: "email" };

/** The page of the frontend that verifies a mail's link. */
export function confirmLink(tokenHash, type, redirectTo) {
  const query = new URLSearchParams({
    token_hash: tokenHash,
    type: LINK_TYPES[type] ?? type,
    redirect_to: redirectTo,
  });
  return `${settings.frontend}/confirm?${query}`;
}

export function createMailer() {
  const transport = nodemailer.createTransport(settings.smtpUrl, { from: settings.mailFrom });
  // B redirect_to: lite always puts site_url; the address asked for travels here from the request to the mail
  const redirect = new AsyncLocalStorage();

  const target = () => redirect.getStore() ?? settings.frontend;

  return {
    /** Run `work`; mails sent meanwhile lead to `redirectTo`. */
    leadingTo: (redirectTo, work) => redirect.run(redirectTo, work),

    /** Lite's e-mail driver. */
    async send({ to, subject, text, html }) {
      const own = (link) => {
        const query = new URL(link.replaceAll("&amp;", "&")).searchParams;
        const tokenHash = query.get("token_hash") ?? query.get("token");
        return confirmLink(tokenHash, query.get("type"), target());
      };
      await transport.sendMail({
        to,
        subject,
        text: text?.replace(/https?:\/\/\S+[?&]token=\S+/g, own),
        html: html?.replace(/(?<=href=")https?:\/\/[^"]*token_hash=[^"]*(?=")/g, (link) =>
          own(link).replaceAll("&", "&amp;"),
        ),
      });
    },

    close: () => transport.close(),
  };
}
