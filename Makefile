# Every target first installs what is missing; see scripts/bootstrap.sh.
.PHONY: help demo lab drill test bench generate verify bootstrap

help:
	@echo 'make demo       the main job on real servers, told step by step; leaves nothing running'
	@echo 'make lab        the whole platform on this machine, to break and to watch; until Ctrl-C'
	@echo 'make drill      every drill on a lab: fault, containment, alert, recovery, steady state; MODE=BloomCold for one'
	@echo 'make test       every check: format, lint, types, import rules, generated files, all tests'
	@echo 'make bench      all benchmarks; one of them: make bench NAME=bloom'
	@echo 'make generate   write the generated files anew'
	@echo 'make verify     fail if a generated file differs from what the catalog says'
	@echo 'make bootstrap  only install what is missing; sh scripts/bootstrap.sh --check says what that is'

bootstrap:
	@sh scripts/bootstrap.sh

demo: bootstrap
	@npm run --silent demo

lab: bootstrap
	@npx --no-install redisops lab up

drill: bootstrap
	@npx --no-install redisops drill run $(or $(MODE),--all)

test: bootstrap
	@npm test

bench: bootstrap
	@npm run --silent bench -- $(NAME)

generate: bootstrap
	@npm run --silent generate

verify: bootstrap
	@npm run --silent verify
