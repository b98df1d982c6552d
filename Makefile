.PHONY: demo demo-real test chaos bench verify lint infra-up infra-down

demo: ## watch one agent go from headlines to posts
	cargo run --locked -p chimera -- demo

demo-real: ## the planner over 5,000 real headlines, with precision and recall
	cargo test --locked -p chimera --test it -- real_headlines --nocapture

test: ## every test, from bare
	scripts/test

chaos: ## the whole fleet while everything breaks; CHAOS_SECONDS, CHAOS_SIGNALS, CHAOS_SEED
	scripts/chaos

bench: ## how fast the fleet and its parts work here, beside a bare client; BENCH_PIPELINES, BENCH_ONLY, BENCH_PROFILE
	scripts/bench

verify: ## what CI runs
	.ci/run

lint: ## format, clippy, floors, licences
	scripts/lint

infra-up: ## PostgreSQL, Redis and the rest: by Docker, else throwaway local servers
	scripts/infra up

infra-down: ## and its end
	scripts/infra down
