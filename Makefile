# `make demo` and `make test` set up all they need: in .venv from PyPI,
# or, where a ROS 2 installation is sourced, on top of that installation.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: env demo test lint clean help

PYTHON ?= python3
OUT ?= out/demo
DEMO_VIDEO := .cache/vtest.avi
MESSAGES := $(sort $(wildcard msg/* srv/* cmake/*)) CMakeLists.txt package.xml
hash = $(shell { echo $(CURDIR); cat $(1); } | sha256sum | cut -c1-16)

ifeq ($(and $(ROS_DISTRO),$(shell command -v ros2)),)

unexport PYTHONPATH  # of somebody's workspace: one ROS 2 at a time
VENV := .venv
PIP := $(VENV)/bin/python -m pip
ACTIVATE := . $(VENV)/bin/activate
REQUIREMENTS := requirements.txt requirements-ros.txt requirements-test.txt

define install
	tools/new_venv.sh $(PYTHON) $(VENV)
	$(PIP) install $(REQUIREMENTS:%=-r %)
	$(PIP) install --no-deps --editable .
endef

define build_messages
	rm -rf $(VENV)/build
	$(ACTIVATE) && cmake -G Ninja -S . -B $(VENV)/build -DBUILD_TESTING=OFF \
		-DCMAKE_PROJECT_INCLUDE=cmake/pip_wheels.cmake \
		-DCMAKE_INSTALL_PREFIX=$(CURDIR)/$(VENV)/build/install -DPYTHON_INSTALL_DIR=python
	$(ACTIVATE) && cmake --build $(VENV)/build --target install
	site=$$($(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/alphapose_ros; \
	rm -rf $$site && mkdir $$site && cd $(VENV)/build/install && \
	cp lib/*.so ../../lib && cp -r python/alphapose_ros/{msg,srv,*.so} $$site
endef

else

VENV := .venv-$(ROS_DISTRO)
PIP := $(VENV)/bin/python -m pip
ACTIVATE := . $(VENV)/install/setup.bash && . $(VENV)/bin/activate
REQUIREMENTS := requirements-test.txt

# What ROS and the machine bring stays as it is, NumPy above all, which ROS is compiled against.
define install
	tools/new_venv.sh $(PYTHON) $(VENV) system
	$(VENV)/bin/python -c 'import numpy; print(f"numpy=={numpy.__version__}")' > $(VENV)/installed.txt
	$(PIP) install -c $(VENV)/installed.txt $(REQUIREMENTS:%=-r %) --editable .
endef

define build_messages
	@command -v colcon >/dev/null || \
		{ echo 'colcon is missing:  sudo apt install python3-colcon-common-extensions'; exit 1; }
	colcon --log-base $(VENV)/log build --symlink-install \
		--base-paths . --build-base $(VENV)/build --install-base $(VENV)/install
endef

endif

ENV_DONE := $(VENV)/env-$(call hash,$(REQUIREMENTS) setup.py)
MESSAGES_DONE := $(VENV)/messages-$(call hash,$(MESSAGES))

help:
	@echo 'make demo    people in a video, live over ROS 2: bag, video and picture in $(OUT)'
	@echo '             VIDEO=file or camera index   OUT=folder'
	@echo 'make test    lint and all tests; PYTEST="-k name" for some'
	@echo 'make lint    only ruff'
	@echo 'make env     only the set-up, in $(VENV); PYTHON=python3.12 for another Python, after make clean'
	@echo 'make clean   remove the set-up and the output'
	@echo 'The first of them sets everything up, later ones start at once.'

env: $(MESSAGES_DONE)

$(ENV_DONE):
	$(install)
	rm -f $(VENV)/{env,messages}-*
	touch $@

$(MESSAGES_DONE): $(ENV_DONE)
	$(build_messages)
	rm -f $(VENV)/messages-*
	touch $@

$(DEMO_VIDEO):
	@tools/get_demo_video.sh $@

demo: env $(if $(VIDEO),,$(DEMO_VIDEO))
	$(ACTIVATE) && python -m alphapose_ros.nodes.demo --video "$(or $(VIDEO),$(DEMO_VIDEO))" --out "$(OUT)"

test: lint
	$(ACTIVATE) && python -m pytest $(PYTEST)

lint: env
	$(ACTIVATE) && ruff check . && ruff format --check .

clean:
	rm -rf .venv .venv-* .cache .pytest_cache .ruff_cache build install log out *.egg-info
