//! Throwaway PostgreSQL, seeded clock and ids, fixtures (development only).
