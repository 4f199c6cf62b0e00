# `make package`: one Debian package with the binary, its units and examples. Configured by CPack from build/release.
include(GNUInstallDirs)
install(TARGETS weir RUNTIME DESTINATION bin)
install(FILES deploy/systemd/weir-directory.service deploy/systemd/weir-cell.service deploy/systemd/weir-frontend.service
  DESTINATION /lib/systemd/system)
install(FILES deploy/examples/directory.toml deploy/examples/cell.toml deploy/examples/frontend.toml
  DESTINATION share/doc/weir/examples)
install(FILES docs/operations.md docs/settings.md docs/metrics.md docs/architecture.md CHANGELOG.md LICENSE
  DESTINATION share/doc/weir)
# Where configuration and certificates go; the package puts no file there, so that none is ever overwritten.
install(DIRECTORY DESTINATION /etc/weir)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME weir)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Weir maintainers <weir@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Streaming storage that speaks the Kinesis Data Streams API")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "etcd-server, ceph-common")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "One binary: weir serve is a whole system on one machine; weir directory, weir cell and
 weir frontend are the processes of a fleet on etcd and Ceph RADOS.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  "${PROJECT_SOURCE_DIR}/packaging/debian/postinst;${PROJECT_SOURCE_DIR}/packaging/debian/prerm;${PROJECT_SOURCE_DIR}/packaging/debian/postrm")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
