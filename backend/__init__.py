"""Lin's backend: a thin Flask proxy and a worker in front of a Supabase project."""
