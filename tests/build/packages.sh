#!/bin/sh
# The packages as far as they can be looked at without being built: they are of this version, they have every file that
# make install makes, their scripts can be read by their shells, and what is there of rpmspec, rpmlint and the linters of
# Dockerfiles has nothing to say. packaging/try-deb tells the rest.

source=${MTO_SOURCE:?}
debian=$source/debian
spec=$source/packaging/mod_auth_mtls_oauth.spec
# shellcheck source=tests/build/report
. "$source/tests/build/report"

echo 1..9

version=$(sed -n 's/^AC_INIT(\[mod_auth_mtls_oauth\], \[\(.*\)\])$/\1/p' "$source/configure.ac")
{
    sed -n '1s/^mod-auth-mtls-oauth (\(.*\)) .*/debian \1/p' "$debian/changelog"
    sed -n 's/^Version: */rpm /p' "$spec"
} > "$scratch/found"
printf 'debian %s\nrpm %s\n' "$version" "$version" | diff - "$scratch/found" > "$scratch/messages" && [ -n "$version" ]
report "the packages are of the version of configure.ac" $?

# Each installed file by its name, but for what is above a manual page's or the module's folder, which is the system's.
installed=$scratch/installed
: > "$scratch/files"
echo "make uninstall was not reached" > "$scratch/left"
(
    unset MAKEFLAGS MFLAGS MAKELEVEL
    make -C "${MTO_BUILD:?}" install DESTDIR="$installed" && (cd "$installed" && find . -type f) > "$scratch/files" &&
        make -C "$MTO_BUILD" uninstall DESTDIR="$installed" && (cd "$installed" && find . -type f) > "$scratch/left"
) > "$scratch/messages" 2>&1
sed 's,.*/,,' "$scratch/files" | sort > "$scratch/names"
[ "$(wc -l < "$scratch/names")" -ge 5 ]
report "make install installs" $?

cp "$scratch/left" "$scratch/messages"
[ ! -s "$scratch/left" ]
report "make uninstall leaves none of it" $?

cat "$debian"/*.install | sed 's,.*/,,' | sort | diff "$scratch/names" - > "$scratch/messages"
report "each file is in a package for Debian" $?

sed -n '/^%files/,/^%changelog/{/^%{_\(bindir\|datadir\|mandir\|httpd_moddir\)}/s,.*/\([^*]*\)\**$,\1,p}' "$spec" | sort |
    diff "$scratch/names" - > "$scratch/messages"
report "each file is in a package of the RPM spec" $?

for script in "$debian"/*.postinst "$debian"/*.postrm; do
    sh -n "$script"
done > "$scratch/messages" 2>&1
for script in "$source/packaging/try-deb" "$debian/tests/serve" "$source/tools/mtls-oauth.bash"; do
    bash -n "$script"
done >> "$scratch/messages" 2>&1
[ ! -s "$scratch/messages" ]
report "the scripts can be read by their shells" $?

if command -v rpmspec > /dev/null; then
    rpmspec -P "$spec" > "$scratch/spec" 2> "$scratch/messages" && [ ! -s "$scratch/messages" ] &&
        grep -q "^Version: *$version\$" "$scratch/spec"
    report "rpmspec parses the RPM spec" $?
else
    skip "rpmspec parses the RPM spec" "there is no rpmspec"
fi

if command -v rpmlint > /dev/null; then
    rpmlint -r "$source/packaging/mod_auth_mtls_oauth.rpmlintrc" "$spec" > "$scratch/messages" 2>&1 &&
        grep -q ' 0 errors, 0 warnings' "$scratch/messages"
    report "rpmlint has nothing to say of it" $?
else
    skip "rpmlint has nothing to say of it" "there is no rpmlint"
fi

# All come from elsewhere than from a distribution: npm install -g dockerfilelint dockerfile-utils, or a binary of hadolint.
: > "$scratch/messages"
linters=0 complaints=0
for linter in hadolint dockerfilelint "dockerfile-utils lint"; do
    if command -v "${linter%% *}" > /dev/null; then
        linters=$((linters + 1))
        $linter "$source/packaging/Dockerfile" >> "$scratch/messages" 2>&1 || complaints=$((complaints + 1))
    fi
done
if [ $linters -gt 0 ]; then
    [ $complaints -eq 0 ]
    report "the linters of Dockerfiles have nothing to say" $?
else
    skip "the linters of Dockerfiles have nothing to say" "there is none of hadolint, dockerfilelint and dockerfile-utils"
fi
