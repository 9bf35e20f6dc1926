insert into public.bookings values (7, '[2026-01-01, 2026-01-02)') on conflict do nothing;
